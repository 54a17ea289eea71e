"""deploy_canary with backend `knative`: real models, a real judge, and users who get no 5xx."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from builders import canary, models
from builders.knative_lab import KnativeLab
from builders.route_lab import PROMETHEUS, READY_S
from builders.serving_site import Kubectl, Site
from foldline.artifacts import Decision, Model
from foldline.errors import ServingError
from foldline.store import version_of

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1200)]

# Evidence in about a minute, at 60 requests a second.
SETTINGS = {
    "route": {"prometheus": PROMETHEUS},
    "policy": {
        "steps": [{"percent": 20, "min_s": 5, "min_requests": 30}, {"percent": 50, "min_s": 5, "min_requests": 30}],
        "gates": [{"signal": "errors", "tolerance": 0.02}, {"signal": "invalid", "tolerance": 0.02}],
        "deadline_s": 600,
    },
    "timeout_s": READY_S,
}


@pytest.fixture
def lab(site: Site, kubectl: Kubectl) -> Iterator[KnativeLab]:
    made = KnativeLab(site, kubectl)
    yield made
    made.close()


def test_a_model_is_rolled_out_on_evidence_and_a_broken_one_is_not(
    lab: KnativeLab, old: Model, new: Model, made: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site = lab.site
    first = site.deploy(old, "first", backend="knative", **SETTINGS)
    assert (first.verdict, site.champion) == ("promote", version_of(old.digest))
    with lab.users(rate=60) as users:
        second = site.deploy(new, "second", backend="auto", **SETTINGS)
        said = capfd.readouterr().out
        broken = models.unloadable(made / "broken")
        answers = canary.predicted(site.dataset, broken, made / "p", predictions=np.full((100, 1), 0.5))
        with pytest.raises(ServingError):
            site.deploy(broken, "third", predictions=answers, backend="knative", **SETTINGS)
    assert f"backend auto: knative, since inferenceservice/late in namespace {lab.namespace} is in mode Knative" in said
    assert (second.verdict, site.champion) == ("promote", version_of(new.digest))
    assert Decision.read(site.out / "third" / "decision").verdict == "rollback"
    assert users.failed() == []
    assert {one.status for one in users.answers} == {200}
    assert {version_of(old.digest), version_of(new.digest)} == set(users.shares())
    version = version_of(new.digest)
    assert (site.services(), lab.asked(), lab.traffic()) == ({"late": version}, (version, None), {version: 100})
