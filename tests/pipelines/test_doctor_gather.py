"""Facts from answers of an API server, at the wire: set-ups of KServe that no test cluster has."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from kubernetes.client import ApiClient, Configuration

from foldline.errors import ClusterError
from foldline_pipelines.doctor.facts import Facts, KServe, Unknown
from foldline_pipelines.doctor.gather import gather

Answers = dict[str, tuple[int, Any]]
KUBECTL_SEES = {
    "/apis/authentication.k8s.io/v1/selfsubjectreviews": (201, {"status": {"userInfo": {"username": "ann"}}}),
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": (201, {"status": {"allowed": True}}),
    "/version": (200, {"gitVersion": "v1.34.4"}),
    "/apis": (200, {"groups": []}),
}


def config_map(namespace: str, **data: str) -> Answers:
    path = f"/api/v1/namespaces/{namespace}/configmaps/inferenceservice-config"
    return {path: (200, {"metadata": {}, "data": data})}


def controller(namespace: str, image: str) -> Answers:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/kserve-controller-manager"
    containers = [{"name": "proxy", "image": "proxy:9"}, {"name": "manager", "image": image}]
    return {path: (200, {"spec": {"template": {"spec": {"containers": containers}}}})}


@pytest.fixture
def look() -> Iterator[Callable[[Answers], Facts]]:
    """Facts from a server that gives these answers, and 404 to all else."""
    answers: Answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answers.get(self.path, (404, {"kind": "Status", "message": "not found"}))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings = Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")
    settings.retries = False

    def call(given: Answers) -> Facts:
        answers.update({**KUBECTL_SEES, **given})
        with ApiClient(settings) as api:
            return gather(api, "kubeflow", "", "")

    yield call
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {
                **config_map(
                    "kserve", deploy='{"defaultDeploymentMode": "Standard"}', ingress='{"enableGatewayApi": true}'
                ),
                **controller("kserve", "kserve/kserve-controller:v0.20.0"),
            },
            KServe("v0.20.0", "Standard", gateway_api=True),
        ),
        (
            {
                **config_map("kubeflow", deploy='{"defaultDeploymentMode": "Knative"}'),
                **controller("kubeflow", "registry.example:5000/kserve-controller:v0.19.0@sha256:00ff"),
            },
            KServe("v0.19.0", "Knative", gateway_api=False),
        ),
        (config_map("kserve"), KServe("", "", gateway_api=False)),
        (
            {**config_map("kserve"), **controller("kserve", "registry.example:5000/kserve-controller@sha256:00ff")},
            KServe("", "", gateway_api=False),
        ),
        (
            config_map("kserve", deploy="mode: Standard"),
            Unknown("ConfigMap inferenceservice-config in namespace kserve holds no JSON"),
        ),
        ({}, Unknown("no ConfigMap inferenceservice-config in kserve or kubeflow")),
        (
            {"/api/v1/namespaces/kubeflow/configmaps/inferenceservice-config": (403, {})},
            Unknown("no permission to get configmaps in namespace kubeflow"),
        ),
    ],
    ids=["standard", "kubeflow's own", "no controller", "digest alone", "no JSON", "nothing", "denied"],
)
def test_the_set_up_of_kserve_is_read(
    look: Callable[[Answers], Facts], answers: Answers, expected: KServe | Unknown
) -> None:
    assert look(answers).kserve == expected


def test_what_is_not_there_is_none_and_no_fault(look: Callable[[Answers], Facts]) -> None:
    facts = look({})
    assert (facts.user, facts.kubernetes, facts.resources) == ("ann", "v1.34.4", frozenset())
    assert (facts.labels, facts.secret, facts.cache, facts.runtime) == (None, None, None, False)
    assert set(facts.allowed.values()) == {True}


def test_the_values_of_a_secret_are_not_kept(look: Callable[[Answers], Facts]) -> None:
    path = "/api/v1/namespaces/kubeflow/secrets/foldline-s3"
    facts = look({path: (200, {"metadata": {}, "data": {"AWS_SECRET_ACCESS_KEY": "bmV2ZXItc2hvd24="}})})
    assert "AWS_SECRET_ACCESS_KEY" in repr(facts)
    assert "bmV2ZXItc2hvd24=" not in repr(facts)


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/version", (500, {"kind": "Status", "message": "etcd has no leader"}), "etcd has no leader"),
        (
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            (401, {"kind": "Status", "message": "Unauthorized"}),
            "expected credentials that the API server accepts, got Unauthorized",
        ),
    ],
)
def test_a_fault_of_the_server_is_told_in_its_words(
    look: Callable[[Answers], Facts], path: str, answer: tuple[int, Any], words: str
) -> None:
    with pytest.raises(ClusterError, match=words):
        look({path: answer})
