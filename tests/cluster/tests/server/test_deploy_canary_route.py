"""deploy_canary with backend `route`: real models, a real judge, users who get no 5xx, and a task that is killed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import canary, models
from builders.route_lab import GATEWAY, PROMETHEUS, READY_S, Lab, Users
from builders.serving_site import Kubectl, Site
from foldline.artifacts import Decision, Model
from foldline.errors import ServingError
from foldline.store import version_of

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1200)]

# Evidence in about a minute, at 60 requests a second.
POLICY = {
    "steps": [{"percent": 20, "min_s": 5, "min_requests": 30}, {"percent": 50, "min_s": 5, "min_requests": 30}],
    "gates": [{"signal": "errors", "tolerance": 0.02}, {"signal": "invalid", "tolerance": 0.02}],
    "deadline_s": 600,
}


CLUSTER = Path(__file__).resolve().parents[2]
# Names of Services are known to pods only.
TASK = """
import json, socket, subprocess, sys
from builders.serving_site import resolving
from foldline.serving.deploy_canary.run import run

def kubectl(*arguments):
    command = ["kubectl", "--kubeconfig", sys.argv[1], *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

socket.getaddrinfo = resolving(kubectl)
run(**json.loads(sys.argv[2]), describe=print)
"""


@pytest.fixture
def lab(site: Site, kubectl: Kubectl) -> Iterator[Lab]:
    made = Lab(site, kubectl)
    yield made
    made.close()


def settings(lab: Lab) -> dict[str, Any]:
    return {
        "backend": "route",
        "route": {"gateway": GATEWAY, "prometheus": PROMETHEUS},
        "policy": POLICY,
        "timeout_s": READY_S,
    }


def eventually(look: Callable[[], object], timeout_s: float = 240.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(1.0)


def phase(lab: Lab) -> str:
    """Of the rollout that the namespace remembers."""
    found = json.loads(lab.kubectl("get", "configmaps", "--output=json"))["items"]
    records = [json.loads(one["data"]["record"]) for one in found if "record" in one.get("data", {})]
    return str(records[0]["phase"]) if records else ""


def test_a_model_is_rolled_out_on_evidence_and_a_broken_one_is_not(
    lab: Lab, old: Model, new: Model, made: Path
) -> None:
    site = lab.site
    first = site.deploy(old, "first", **settings(lab))
    assert (first.verdict, site.champion) == ("promote", version_of(old.digest))
    with Users(lab.router(), rate=60) as users:
        second = site.deploy(new, "second", **settings(lab))
        broken = models.unloadable(made / "broken")
        answers = canary.predicted(site.dataset, broken, made / "p", predictions=np.full((100, 1), 0.5))
        with pytest.raises(ServingError):
            site.deploy(broken, "third", predictions=answers, **settings(lab))
    assert (second.verdict, site.champion) == ("promote", version_of(new.digest))
    assert Decision.read(site.out / "third" / "decision").verdict == "rollback"
    assert users.failed() == []
    assert {one.status for one in users.answers} == {200}
    name = f"late-{version_of(new.digest)}"
    assert (list(site.services()), lab.weights()) == ([name], {f"{name}-predictor": 10000})


def test_a_task_that_is_killed_while_it_shifts_is_taken_up_by_the_next(
    lab: Lab, old: Model, new: Model, kubeconfig: Path
) -> None:
    site = lab.site
    site.deploy(old, "first", **settings(lab))
    out = site.out / "killed"
    arguments = {
        "challenger": str(new.path),
        "dataset": str(site.dataset.path),
        "predictions": str(canary.predicted(site.dataset, new, out / "predictions").path),
        "comparison": str(canary.compared(new, out / "comparison", champion=site.champion or "")),
        "decision": str(out / "decision"),
        "report": str(out / "report.html"),
        "model_name": "late",
        "store_uri": site.store_uri,
        "smoke_rows": 4,
        "serving_namespace": "",
        "traffic_uri": "",
        "traffic_per_s": 200.0,
        **settings(lab),
    }
    with Users(lab.router(), rate=60) as users:
        task = subprocess.Popen(
            [sys.executable, "-c", TASK, str(kubeconfig), json.dumps(arguments)], cwd=CLUSTER.parent
        )
        eventually(lambda: phase(lab) == "shifting" and len(lab.weights()) == 2)
        task.send_signal(signal.SIGKILL)
        task.wait()
        assert site.champion == version_of(old.digest)
        again = site.deploy(new, "again", **settings(lab))
    assert (again.verdict, site.champion) == ("promote", version_of(new.digest))
    assert users.failed() == []
    assert list(site.services()) == [f"late-{version_of(new.digest)}"]
