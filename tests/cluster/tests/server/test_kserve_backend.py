"""deploy_canary on a real KServe: pods that serve, requests that never fail, and faults that are named."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import canary, models
from foldline._image import SERVER
from foldline.artifacts import Dataset, Decision, Model
from foldline.errors import ServingError
from foldline.object_store import client_from_environment
from foldline.serving.deploy_canary.backends.requests import predict
from foldline.store import open_store, version_of

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(900)]

MANIFESTS = Path(__file__).resolve().parents[4] / "manifests"
READY_S = 240.0
CLUSTER_DOMAIN = ".svc.cluster.local"
Kubectl = Callable[..., str]
Json = dict[str, Any]


@pytest.fixture(scope="session", autouse=True)
def image(on_node: Callable[[str], None]) -> str:
    """The image of the model server, on the node."""
    on_node(SERVER)
    return SERVER


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def dataset(made: Path) -> Dataset:
    return models.dataset(made / "dataset", rows=200)


@pytest.fixture(scope="module")
def old(made: Path) -> Model:
    return models.model(made / "old", [1, 2], weight=0.5)


@pytest.fixture(scope="module")
def new(made: Path) -> Model:
    return models.model(made / "new", [1, 2, 3])


class Site:
    """A namespace with the manifests of the model server, and a store of its own."""

    def __init__(self, namespace: str, kubectl: Kubectl, dataset: Dataset, out: Path, store_uri: str) -> None:
        self.namespace, self.store_uri = namespace, store_uri
        self._kubectl, self.dataset, self.out = kubectl, dataset, out

    def kubectl(self, *arguments: str, given: Any = None) -> str:
        text = None if given is None else json.dumps(given)
        return self._kubectl(f"--namespace={self.namespace}", *arguments, given=text)

    def services(self) -> dict[str, str]:
        """The model of each InferenceService that is not being deleted."""
        found = json.loads(self.kubectl("get", "inferenceservices", "--output=json"))["items"]
        return {
            one["metadata"]["name"]: one["spec"]["predictor"]["model"]["storageUri"].rpartition("/")[2]
            for one in found
            if "deletionTimestamp" not in one["metadata"]
        }

    def runtime(self, change: Callable[[Json], None]) -> None:
        """Change the container of the ServingRuntime."""
        found = json.loads(self.kubectl("get", "servingruntime", "foldline-server", "--output=json"))
        change(found["spec"]["containers"][0])
        self.kubectl("replace", "--filename=-", given=found)

    @property
    def champion(self) -> str | None:
        return open_store(self.store_uri).alias("late", "champion")

    def settings(self, **changed: Any) -> dict[str, Any]:
        return {
            "store_uri": self.store_uri,
            "backend": "kserve",
            "champion": self.champion or "",
            "timeout_s": READY_S,
            **changed,
        }

    def deploy(self, model: Model, name: str, **changed: Any) -> Decision:
        return canary.deploy(self.dataset, model, self.out / name, **self.settings(**changed))


@pytest.fixture
def site(
    kubectl: Kubectl, namespace: str, image: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    keys = json.loads(kubectl("get", "secret", "minio-root", "--namespace=minio", "--output=json"))["data"]
    address = json.loads(kubectl("get", "service", "minio", "--namespace=minio", "--output=json"))["spec"]["clusterIP"]
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    made = Site(namespace, kubectl, dataset, tmp_path, f"s3://{bucket}/models")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "foldline-s3",
            "annotations": {
                "serving.kserve.io/s3-endpoint": f"minio.minio{CLUSTER_DOMAIN}:9000",
                "serving.kserve.io/s3-usehttps": "0",
                "serving.kserve.io/s3-region": "us-east-1",
            },
        },
        "data": {name: value for name, value in keys.items() if name.startswith("AWS_")},
    }
    made.kubectl("apply", "--filename=-", given=secret)
    made.kubectl("apply", f"--filename={MANIFESTS / 'components' / 'serving' / 'service-account.yaml'}")
    made.kubectl("apply", f"--filename={MANIFESTS / 'components' / 'serving' / 'foldline-server.yaml'}")

    def fit(container: Json) -> None:
        container["image"] = image
        container["resources"] = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1500Mi"}}

    made.runtime(fit)
    monkeypatch.setenv("FOLDLINE_S3_ENDPOINT", f"http://{address}:9000")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, base64.b64decode(keys[name]).decode())
    client_from_environment("s3://any", os.environ).make_bucket(bucket)
    monkeypatch.setenv("KUBECONFIG", str(as_runner(made, tmp_path)))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", resolving(kubectl))
    yield made
    made.kubectl("delete", "inferenceservices", "--all", "--wait=false")


def as_runner(site: Site, folder: Path) -> Path:
    """A kubeconfig of the service account `pipeline-runner`, which has the Role foldline-kserve and no other."""
    site.kubectl("create", "serviceaccount", "pipeline-runner")
    site.kubectl("apply", f"--filename={MANIFESTS / 'base' / 'roles.yaml'}")
    bound = f"--serviceaccount={site.namespace}:pipeline-runner"
    site.kubectl("create", "rolebinding", "runner", "--role=foldline-kserve", bound)
    config = json.loads(site.kubectl("config", "view", "--raw", "--output=json"))
    token = site.kubectl("create", "token", "pipeline-runner", "--duration=2h").strip()
    cluster = config["clusters"][0]["name"]
    config |= {
        "users": [{"name": "runner", "user": {"token": token}}],
        "contexts": [{"name": "r", "context": {"cluster": cluster, "user": "runner", "namespace": site.namespace}}],
        "current-context": "r",
    }
    file = folder / "runner"
    file.write_text(json.dumps(config))
    return file


def resolving(kubectl: Kubectl) -> Callable[..., Any]:
    """Names of Services, which only pods can look up, to their addresses, which this process can reach."""
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(host, str) and host.endswith(CLUSTER_DOMAIN):
            service, namespace = host.removesuffix(CLUSTER_DOMAIN).split(".")
            found = json.loads(kubectl("get", "service", service, f"--namespace={namespace}", "--output=json"))
            host = found["spec"]["clusterIP"]
        return real(host, *arguments, **named)

    return look_up


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
    out = site.out / "killed"
    arguments = {
        "challenger": str(new.path),
        "dataset": str(site.dataset.path),
        "predictions": str(canary.predicted(site.dataset, new, out / "predictions").path),
        "comparison": str(canary.compared(new, out / "comparison")),
        "decision": str(out / "decision"),
        "report": str(out / "report.html"),
        "model_name": "late",
        "smoke_rows": 4,
        "serving_namespace": "",
        **{name: value for name, value in site.settings().items() if name != "champion"},
    }
    code = f"from foldline.serving.deploy_canary.run import run; run(**{arguments!r}, describe=print)"
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while "late-challenger" not in site.services() and time.monotonic() < deadline:
        time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(site.services()) == ["late-challenger"]
    assert site.deploy(new, "again").verdict == "promote"
    assert site.services() == {"late": version_of(new.digest)}
