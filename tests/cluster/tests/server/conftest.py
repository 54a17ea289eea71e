"""Where the tests of KServe deploy: real models, a bucket, and an account that has the Role foldline-kserve only."""

import base64
import json
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builders import models
from builders.route_lab import Lab
from builders.serving_site import CLUSTER_DOMAIN, MANIFESTS, Json, Kubectl, Site, as_runner, resolving
from foldline._image import SERVER
from foldline.artifacts import Dataset, Model
from foldline.object_store import client_from_environment


@pytest.fixture(scope="session")
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


@pytest.fixture
def lab(site: Site, kubectl: Kubectl) -> Iterator[Lab]:
    """The site with a small server that fails as it is told, behind a route."""
    made = Lab(site, kubectl)
    made.stand_ins()
    yield made
    made.close()
