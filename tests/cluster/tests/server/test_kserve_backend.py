"""deploy_canary on a real KServe: pods that serve, requests that never fail, and faults that are named."""

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders import canary, models
from builders.serving_site import CLUSTER_DOMAIN, READY_S, Json, Site
from foldline.artifacts import Decision, Model
from foldline.errors import ServingError
from foldline.serving.requests import predict
from foldline.store import version_of

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(900)]


class Users:
    """Somebody who asks the champion all the time; what came back."""

    def __init__(self, site: Site) -> None:
        self._host = f"late-predictor.{site.namespace}{CLUSTER_DOMAIN}"
        self._address = socket.getaddrinfo(self._host, 80)[0][4][0]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers: list[tuple[int, str]] = []

    def _ask(self) -> None:
        while not self._ended.is_set():
            answer = predict(str(self._address), 80, "late", [{"distance": 1.0}])
            self.answers.append((answer.status, answer.version or str(answer.content)))
            time.sleep(0.02)

    def __enter__(self) -> "Users":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_a_model_is_served_replaced_and_given_back_without_a_failed_request(
    site: Site, old: Model, new: Model, made: Path
) -> None:
    first = site.deploy(old, "first")
    assert (first.verdict, first.figures["served_wrong"]) == ("promote", 0)
    assert site.services() == {"late": version_of(old.digest)}
    assert site.champion == version_of(old.digest)

    with Users(site) as users:
        second = site.deploy(new, "second")
        broken = models.unloadable(made / "broken")
        answers = canary.predicted(site.dataset, broken, made / "p", predictions=np.full((100, 1), 0.5))
        with pytest.raises(ServingError, match=r"ended with exit code 1 .*expected one that TensorFlow loads"):
            site.deploy(broken, "third", predictions=answers)
    assert second.verdict == "promote"
    assert second.figures["served_pods"].startswith("late-predictor-")
    assert site.services() == {"late": version_of(new.digest)}
    assert site.champion == version_of(new.digest)
    served = [version for status, version in users.answers if status == 200]
    assert [answer for answer in users.answers if answer[0] != 200] == []
    assert (served[0], served[-1]) == (version_of(old.digest), version_of(new.digest))
    assert Decision.read(site.out / "third" / "decision").verdict == "rollback"


def no_image(container: Json) -> None:
    container["image"] = "localhost/nowhere:1"


def too_large(container: Json) -> None:
    container["resources"] = {"requests": {"memory": "900Gi"}}


def too_little(container: Json) -> None:
    container["resources"] = {"requests": {"memory": "32Mi"}, "limits": {"memory": "48Mi"}}


@pytest.mark.parametrize(
    ("change", "timeout_s", "said"),
    [
        (no_image, 30.0, r"within 30 s, got container kserve-container .* has (ErrImagePull|ImagePullBackOff)"),
        (too_large, 15.0, r"within 15 s, got pod/.* is Unschedulable: .*Insufficient memory"),
        (too_little, READY_S, r"kserve-container of pod/.* ended with exit code 137 \(OOMKilled\)"),
    ],
    ids=["image", "unschedulable", "memory"],
)
def test_a_pod_that_cannot_serve_is_told_with_its_reason(
    site: Site, new: Model, change: Callable[[Json], None], timeout_s: float, said: str
) -> None:
    site.runtime(change)
    with pytest.raises(ServingError, match=said):
        site.deploy(new, "run", timeout_s=timeout_s)
    assert (site.services(), site.champion) == ({}, None)


def test_keys_that_do_not_open_the_bucket_are_told(site: Site, new: Model) -> None:
    site.kubectl("patch", "secret", "foldline-s3", "--patch", '{"stringData": {"AWS_SECRET_ACCESS_KEY": "wrong"}}')
    with pytest.raises(ServingError, match=r"container storage-initializer of pod/.* ended with exit code 1 .*3 times"):
        site.deploy(new, "run")
    assert (site.services(), site.champion) == ({}, None)


def test_a_runtime_that_is_not_there_is_told(site: Site, new: Model) -> None:
    site.kubectl("delete", "servingruntime", "foldline-server")
    with pytest.raises(ServingError, match=r"RuntimeNotRecognized|foldline-server"):
        site.deploy(new, "run", timeout_s=30.0)
    assert site.services() == {}


def test_a_run_that_was_killed_is_taken_up_by_the_next(site: Site, new: Model) -> None:
    given = canary.arguments(site.dataset, new, site.out / "killed", smoke_rows=4, **site.settings())
    process = canary.begun(given)
    deadline = time.monotonic() + 60
    while "late-challenger" not in site.services() and time.monotonic() < deadline:
        time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(site.services()) == ["late-challenger"]
    assert site.deploy(new, "again").verdict == "promote"
    assert site.services() == {"late": version_of(new.digest)}
