"""The node of the test cluster does what the other tests rely on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.level("node")

HARNESS = Path(__file__).resolve().parents[2]
NODE = "foldline"
GPU = "nvidia.com/gpu"
# Of a documentation network: nobody's.
OUTSIDE = "192.0.2.1"
CONNECT = f"""
import socket
try:
    socket.create_connection(("{OUTSIDE}", 80), timeout=10)
except TimeoutError:
    print("silence")
except OSError as fault:
    print("refused:", fault.strerror)
"""
Kubectl = Callable[..., str]
Object = dict[str, Any]


def pod(name: str, command: list[str], **spec: Any) -> Object:
    container: Object = {"name": "main", "image": "localhost/base:1", "imagePullPolicy": "IfNotPresent"}
    container |= {"command": command, **spec.pop("container", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


@pytest.fixture
def apply(kubectl: Kubectl, namespace: str) -> Callable[[Object], None]:
    def call(content: Object) -> None:
        kubectl("apply", f"--namespace={namespace}", "--filename=-", given=json.dumps(content))

    return call


@pytest.fixture
def wait_for(kubectl: Kubectl, namespace: str) -> Callable[..., Object]:
    """Waits until a pod is in one of some phases; gives the pod."""

    def call(name: str, *phases: str, timeout_s: float = 120.0) -> Object:
        deadline = time.monotonic() + timeout_s
        found: Object = {}
        while time.monotonic() < deadline:
            found = json.loads(kubectl("get", "pod", name, f"--namespace={namespace}", "--output=json"))
            if found["status"].get("phase") in phases:
                return found
            time.sleep(0.3)
        raise AssertionError(f"pod/{name} is not {' or '.join(phases)}: {json.dumps(found.get('status'))[:600]}")

    return call


@pytest.fixture
def output_of(
    kubectl: Kubectl, namespace: str, apply: Callable[[Object], None], wait_for: Callable[..., Object]
) -> Callable[[Object], str]:
    """Runs a pod to its end and gives what it printed."""

    def call(content: Object) -> str:
        apply(content)
        name = content["metadata"]["name"]
        ended = wait_for(name, "Succeeded", "Failed")
        printed = kubectl("logs", name, f"--namespace={namespace}")
        assert ended["status"]["phase"] == "Succeeded", printed
        return printed

    return call


def test_a_pod_runs_to_its_end(output_of: Callable[[Object], str]) -> None:
    assert output_of(pod("one", ["python3", "-c", "print(6 * 7)"])) == "42\n"


def test_a_failed_pod_keeps_its_exit_code_and_last_words(
    apply: Callable[[Object], None], wait_for: Callable[..., Object]
) -> None:
    apply(pod("bad", ["sh", "-c", "echo -n broken > /dev/termination-log; exit 7"]))
    (status,) = wait_for("bad", "Failed")["status"]["containerStatuses"]
    assert (status["state"]["terminated"]["exitCode"], status["state"]["terminated"]["message"]) == (7, "broken")


def test_too_much_memory_ends_a_pod(apply: Callable[[Object], None], wait_for: Callable[..., Object]) -> None:
    greedy = ["python3", "-c", "x = bytearray(200 << 20); print(len(x))"]
    apply(pod("greedy", greedy, container={"resources": {"limits": {"memory": "64Mi"}}}))
    (status,) = wait_for("greedy", "Failed")["status"]["containerStatuses"]
    assert status["state"]["terminated"]["reason"] == "OOMKilled"


def test_a_service_is_found_by_its_name(output_of: Callable[[Object], str]) -> None:
    look = 'import socket; print(socket.gethostbyname("kubernetes.default.svc.cluster.local"))'
    assert output_of(pod("look", ["python3", "-c", look])) == "10.96.0.1\n"


def test_a_volume_is_made_on_demand_and_outlives_its_pod(
    apply: Callable[[Object], None], output_of: Callable[[Object], str]
) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept"}, "spec": claim})
    mounted: Object = {
        "volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
        "container": {"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]},
    }
    output_of(pod("writes", ["sh", "-c", "echo here > /kept/file"], **mounted))
    assert output_of(pod("reads", ["cat", "/kept/file"], **mounted)) == "here\n"


def test_the_node_is_measured(kubectl: Kubectl) -> None:
    deadline = time.monotonic() + 90.0
    while time.monotonic() < deadline:
        found = json.loads(kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"))["items"]
        if found:
            assert found[0]["metadata"]["name"] == NODE
            return
        time.sleep(2.0)
    raise AssertionError("metrics-server has no figures of the node after 90 s")


@pytest.fixture
def gpu_node(kubectl: Kubectl) -> Iterator[None]:
    """The node advertises one GPU, and a taint keeps other pods away, as on a cluster with GPU nodes."""

    def advertise(amount: str | None) -> None:
        patch = {"status": {"capacity": {GPU: amount}, "allocatable": {GPU: amount}}}
        kubectl("patch", "node", NODE, "--subresource=status", "--type=merge", f"--patch={json.dumps(patch)}")

    advertise("1")
    kubectl("taint", "node", NODE, f"{GPU}=present:NoSchedule")
    kubectl("label", "node", NODE, "accelerator=test")
    yield
    kubectl("label", "node", NODE, "accelerator-")
    kubectl("taint", "node", NODE, f"{GPU}-")
    advertise(None)


@pytest.mark.usefixtures("gpu_node")
def test_only_a_pod_that_tolerates_and_asks_gets_the_gpu(
    kubectl: Kubectl, namespace: str, apply: Callable[[Object], None], wait_for: Callable[..., Object]
) -> None:
    asks: Object = {"container": {"resources": {"limits": {GPU: "1"}}}, "nodeSelector": {"accelerator": "test"}}
    tolerates = {"tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]}
    apply(pod("training", ["true"], **asks, **tolerates))
    assert wait_for("training", "Succeeded")["spec"]["nodeName"] == NODE
    apply(pod("other", ["true"]))
    apply(pod("greedy", ["true"], container={"resources": {"limits": {GPU: "2"}}}, **tolerates))
    for name, reason in (("other", "untolerated taint"), ("greedy", f"Insufficient {GPU}")):
        deadline = time.monotonic() + 30.0
        said = ""
        while reason not in said and time.monotonic() < deadline:
            found = wait_for(name, "Pending")
            said = " ".join(each.get("message", "") for each in found["status"].get("conditions", []))
        assert reason in said


def test_running_pods_outlive_the_api_server(
    kubeconfig: Path, apply: Callable[[Object], None], wait_for: Callable[..., Object]
) -> None:
    process = kubeconfig.parent / "pids" / "kube-apiserver"
    apply(pod("patient", ["sleep", "600"]))
    before = wait_for("patient", "Running")["status"]["containerStatuses"][0]
    pid = process.read_text().split()[0]
    subprocess.run(["kill", "-9", pid], check=True)
    subprocess.run([sys.executable, "-m", "harness", "up", "api"], cwd=HARNESS, check=True, capture_output=True)
    after = wait_for("patient", "Running")["status"]["containerStatuses"][0]
    assert process.read_text().split()[0] != pid
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)


def test_nothing_leads_out_of_the_cluster(output_of: Callable[[Object], str]) -> None:
    here = subprocess.run([sys.executable, "-c", CONNECT], check=True, capture_output=True, text=True).stdout
    assert here.startswith("refused: ")
    assert output_of(pod("curious", ["python3", "-c", CONNECT])).startswith("refused: ")
