"""The query profiles on a real Prometheus that scrapes what each serving stack exposes."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from builders import kserve_models
from foldline.serving import requests
from foldline.serving.deploy_canary.metrics.counters import Arm, Counters
from foldline.serving.deploy_canary.metrics.profiles import PROFILES
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus
from foldline.serving.reading import Reading

pytestmark = pytest.mark.level("serving")

# ruff: noqa: E501
# As the programs write them, shortened to three bins; 100 requests of arm-a, and of arm-b where it had any.
EXPOSED = {
    "envoy": """
envoy_cluster_upstream_rq_total{envoy_cluster_name="arm-a"} 101
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="arm-a"} 97
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="arm-a"} 3
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="arm-a",le="5"} 90
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="arm-a",le="3600000"} 100
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="arm-a",le="+Inf"} 100
envoy_cluster_upstream_rq_total{envoy_cluster_name="arm-b"} 0
envoy_cluster_upstream_rq_total{envoy_cluster_name="arm-a2"} 7
envoy_http_no_cluster{envoy_http_conn_manager_prefix="http-10080"} 2
envoy_server_uptime{} 500
""",
    "knative-before-1.19": """
revision_app_request_count{namespace_name="team",revision_name="arm-a",pod_name="p",response_code="200",response_code_class="2xx"} 97
revision_app_request_count{namespace_name="team",revision_name="arm-a",pod_name="p",response_code="503",response_code_class="5xx"} 3
revision_app_request_latencies_bucket{revision_name="arm-a",response_code="200",le="5"} 90
revision_app_request_latencies_bucket{revision_name="arm-a",response_code="200",le="100000"} 97
revision_app_request_latencies_bucket{revision_name="arm-a",response_code="200",le="+Inf"} 97
revision_app_request_latencies_bucket{revision_name="arm-a",response_code="503",le="5"} 0
revision_app_request_latencies_bucket{revision_name="arm-a",response_code="503",le="100000"} 3
revision_app_request_latencies_bucket{revision_name="arm-a",response_code="503",le="+Inf"} 3
""",
    "knative": """
target_info{k8s_namespace_name="team",k8s_pod_name="p",kn_revision_name="arm-a"} 1
kn_serving_invocation_duration_seconds_bucket{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="200",le="0.005"} 90
kn_serving_invocation_duration_seconds_bucket{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="200",le="10"} 97
kn_serving_invocation_duration_seconds_bucket{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="200",le="+Inf"} 97
kn_serving_invocation_duration_seconds_count{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="200"} 97
kn_serving_invocation_duration_seconds_bucket{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="500",le="0.005"} 0
kn_serving_invocation_duration_seconds_bucket{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="500",le="10"} 3
kn_serving_invocation_duration_seconds_bucket{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="500",le="+Inf"} 3
kn_serving_invocation_duration_seconds_count{otel_scope_name="knative.dev/serving/pkg/queue",http_response_status_code="500"} 3
""",
    "kserve-python": """
request_preprocess_seconds_count{model_name="arm-a"} 100
request_postprocess_seconds_count{model_name="arm-a"} 97
request_predict_seconds_bucket{model_name="arm-a",le="0.005"} 90
request_predict_seconds_bucket{model_name="arm-a",le="10.0"} 100
request_predict_seconds_bucket{model_name="arm-a",le="+Inf"} 100
""",
    "tf-serving": """
:tensorflow:serving:request_count{model_name="arm-a",status="OK"} 97
:tensorflow:serving:request_count{model_name="arm-a",status="INTERNAL"} 3
:tensorflow:serving:request_latency_bucket{model_name="arm-a",API="predict",entrypoint="REST",le="5000"} 90
:tensorflow:serving:request_latency_bucket{model_name="arm-a",API="predict",entrypoint="REST",le="2.6e+09"} 100
:tensorflow:serving:request_latency_bucket{model_name="arm-a",API="predict",entrypoint="REST",le="+Inf"} 100
""",
    "istio": """
istio_requests_total{reporter="source",destination_service_name="arm-a",response_code="200"} 97
istio_requests_total{reporter="source",destination_service_name="arm-a",response_code="503"} 2
istio_requests_total{reporter="source",destination_service_name="arm-a",response_code="0"} 1
istio_requests_total{reporter="destination",destination_service_name="arm-a",response_code="200"} 97
istio_request_duration_milliseconds_bucket{reporter="source",destination_service_name="arm-a",le="5"} 90
istio_request_duration_milliseconds_bucket{reporter="source",destination_service_name="arm-a",le="1800000"} 100
istio_request_duration_milliseconds_bucket{reporter="source",destination_service_name="arm-a",le="+Inf"} 100
""",
}


# Stacks that have counted what they expose; before, all their counters are 0.
COUNTED: set[str] = set()


class Exposed(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.strip("/")
        lines = EXPOSED[name].strip().splitlines()
        if name not in COUNTED:
            lines = [
                line if line.startswith(("envoy_server", "target_info")) else f"{line.rpartition(' ')[0]} 0"
                for line in lines
            ]
        text = "\n".join([*lines, "process_start_time_seconds 1000", ""]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def kserve_port() -> int:
    """Where the kserve package's model server is scraped."""
    return free_port()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, kubeconfig: Path, kserve_port: int) -> Iterator[str]:
    """One that scrapes each stack as a job of its own, and the kserve package's server."""
    folder = tmp_path_factory.mktemp("prometheus")
    exposing = ThreadingHTTPServer(("127.0.0.1", 0), Exposed)
    thread = threading.Thread(target=exposing.serve_forever)
    thread.start()
    target = f"127.0.0.1:{exposing.server_address[1]}"
    jobs = [
        f"- {{job_name: {name}, metrics_path: /{name}, static_configs: [{{targets: ['{target}']}}]}}"
        for name in EXPOSED
    ]
    jobs.append(f"- {{job_name: kserve, static_configs: [{{targets: ['127.0.0.1:{kserve_port}']}}]}}")
    (folder / "settings.yaml").write_text("global: {scrape_interval: 1s}\nscrape_configs:\n" + "\n".join(jobs))
    listen = f"127.0.0.1:{free_port()}"
    command = [
        kubeconfig.parents[1] / "bin" / "prometheus",
        f"--config.file={folder / 'settings.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={listen}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    yield f"http://{listen}"
    process.terminate()
    process.wait()
    exposing.shutdown()
    thread.join()
    exposing.server_close()


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_reads_what_its_stack_exposes(prometheus: str, name: str) -> None:
    counters = Counters(Prometheus(prometheus), PROFILES[name])
    read_until(counters, 0)
    COUNTED.add(name)
    reading = read_until(counters, 100)
    arm = reading.champion
    assert arm is not None
    assert (arm.requests, arm.errors) == (100, 3)
    assert arm.latency_ms is not None
    assert arm.latency_ms.edges[0] == pytest.approx(5.0)
    assert (arm.latency_ms.counts[0], arm.latency_ms.total) == (90, 100)
    if name == "envoy":
        assert reading.challenger is not None
        assert (reading.challenger.requests, reading.challenger.latency_ms, reading.unserved) == (0, None, 0)
    else:
        assert (reading.challenger, reading.unserved) == (None, None)
        assert reading.problem == "challenger: Prometheus has no series of it"


def test_the_model_server_of_the_kserve_package_is_read(
    prometheus: str, kserve_port: int, kubeconfig: Path, tmp_path: Path
) -> None:
    python = kubeconfig.parents[1] / "kserve-python" / "bin" / "python"
    if not python.exists():
        pytest.skip("the package kserve is not installed here: make cluster-build LEVEL=serving")
    command = [str(python), kserve_models.__file__, str(kserve_port), "real-a", "real-b"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def ask(model: str, *numbers: int) -> int:
        content = {"instances": list(numbers)} if numbers else {"rows": []}
        return requests.ask("127.0.0.1", kserve_port, "POST", f"/v1/models/{model}:predict", content).status

    try:
        deadline = time.monotonic() + 120
        while ask("real-a", 1) != 200 or ask("real-b", 1) != 200:
            assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.5)
        counters = Counters(Prometheus(prometheus), PROFILES["kserve-python"])
        read_until(counters, 0, "real-")
        asked = [(ask("real-a", 1, number), ask("real-b", 1)) for number in [2] * 20 + [-1] * 5] + [
            (ask("real-a"), 200)
        ]
        assert [status for status, _ in asked] == [200] * 20 + [500] * 6
        reading = read_until(counters, 26, "real-")
    finally:
        process.terminate()
        process.wait()
    champion, challenger = reading.champion, reading.challenger
    assert champion is not None
    assert challenger is not None
    assert (champion.requests, champion.errors, challenger.requests, challenger.errors) == (26, 6, 25, 0)
    assert champion.latency_ms is not None
    # Seconds, from 5 ms to 10 s.
    assert (champion.latency_ms.edges[0], champion.latency_ms.edges[-1]) == pytest.approx((5.0, 10_000.0))
    assert champion.latency_ms.total == 26


def read_until(counters: Counters, number: int, arm: str = "arm-") -> Reading:
    deadline = time.monotonic() + 120
    while True:
        reading = counters.read(Arm([f"{arm}a"], "a"), Arm([f"{arm}b"], "b"), since=0.0, impaired=False)
        if reading.champion is not None and reading.champion.requests == number:
            return reading
        assert time.monotonic() < deadline, reading
        time.sleep(0.5)
