"""The backend `standard` on a real KServe 0.20, which shows a canary's share and sends it nothing."""

import json
import time

import pytest

from builders.route_lab import READY_S
from builders.serving_site import Kubectl, Site
from foldline.artifacts import Model
from foldline.errors import ServingError
from foldline.store import version_of

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(600)]


def test_a_kserve_that_sends_a_canary_nothing_is_refused_and_its_inference_service_left_as_it_was(
    site: Site, kubectl: Kubectl, old: Model, new: Model
) -> None:
    bound = f"--serviceaccount={site.namespace}:pipeline-runner"
    site.kubectl("create", "rolebinding", "rollouts", "--role=foldline-rollouts", bound)
    with pytest.raises(ServingError, match=r"backend standard: expected inferenceservice/late .*, got none"):
        site.deploy(old, "none", backend="standard", timeout_s=READY_S)
    site.deploy(old, "first")
    before = json.loads(site.kubectl("get", "inferenceservice", "late", "--output=json"))["spec"]
    with pytest.raises(ServingError, match=r"give 10 % to the canary .*late-predictor weight 1.* Take backend route"):
        site.deploy(new, "second", backend="standard", timeout_s=READY_S)
    assert json.loads(site.kubectl("get", "inferenceservice", "late", "--output=json"))["spec"] == before
    assert site.champion == version_of(old.digest)
    deadline = time.monotonic() + 120
    while "trial" in site.kubectl("get", "deployments", "--output=name"):
        assert time.monotonic() < deadline
        time.sleep(1.0)
