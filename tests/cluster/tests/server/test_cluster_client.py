"""The Kubernetes room on a real API server: conflicts, permissions, finalizers, and the server killed and back."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foldline.cluster import Cluster, Resource, connect
from foldline.errors import ClusterError
from foldline.waiting import Done, Outcome, Pending, wait_until

pytestmark = pytest.mark.level("api")

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
NOWHERE = Resource("serving.nowhere.example", "v1beta1", "inferenceservices", "InferenceService", "KServe")
HARNESS = Path(__file__).resolve().parents[2]
Kubectl = Callable[..., str]


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def cluster(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return connect(capability="kserve")


def test_an_object_is_created_found_edited_and_deleted(cluster: Cluster, namespace: str) -> None:
    assert cluster.find(CONFIG_MAPS, namespace, "a") is None
    made = cluster.create(CONFIG_MAPS, namespace, config_map("a", one="1", two="2"))
    assert cluster.find(CONFIG_MAPS, namespace, "a") == made
    edited = cluster.edit(CONFIG_MAPS, namespace, "a", lambda _: {"data": {"one": None, "three": "3"}})
    assert edited["data"] == {"two": "2", "three": "3"}
    assert [
        found["metadata"]["name"] for found in cluster.select(CONFIG_MAPS, namespace, fields="metadata.name=a")
    ] == ["a"]
    cluster.delete(CONFIG_MAPS, namespace, "a")
    cluster.delete(CONFIG_MAPS, namespace, "a")
    assert cluster.find(CONFIG_MAPS, namespace, "a") is None


def test_a_name_that_is_taken_is_told(cluster: Cluster, namespace: str) -> None:
    cluster.create(CONFIG_MAPS, namespace, config_map("a"))
    with pytest.raises(
        ClusterError, match=rf'configmap/a in namespace {namespace}: .*status 409: configmaps "a" already'
    ):
        cluster.create(CONFIG_MAPS, namespace, config_map("a"))


def test_a_dry_run_is_judged_by_the_server_and_leaves_nothing(cluster: Cluster, namespace: str) -> None:
    assert cluster.create(CONFIG_MAPS, namespace, config_map("a"), dry_run=True)["metadata"]["uid"]
    assert cluster.find(CONFIG_MAPS, namespace, "a") is None
    with pytest.raises(ClusterError, match=r"status 422: ConfigMap \"Not a name\" is invalid"):
        cluster.create(CONFIG_MAPS, namespace, config_map("Not a name"), dry_run=True)


def test_an_edit_survives_other_writers(cluster: Cluster, kubectl: Kubectl, namespace: str) -> None:
    cluster.create(CONFIG_MAPS, namespace, config_map("a", count="0"))
    calls = []

    def change(found: dict[str, Any]) -> dict[str, Any]:
        calls.append(found["data"]["count"])
        if len(calls) < 3:
            kubectl(
                "patch",
                "configmap",
                "a",
                f"--namespace={namespace}",
                "--patch",
                json.dumps({"data": {"count": str(len(calls))}}),
            )
        return {"data": {"mine": found["data"]["count"]}}

    assert cluster.edit(CONFIG_MAPS, namespace, "a", change)["data"] == {"count": "2", "mine": "2"}
    assert calls == ["0", "1", "2"]


def test_an_object_that_its_finalizer_keeps_is_waited_for(cluster: Cluster, kubectl: Kubectl, namespace: str) -> None:
    made = config_map("kept")
    made["metadata"]["finalizers"] = ["foldline.example/kept"]
    cluster.create(CONFIG_MAPS, namespace, made)
    cluster.delete(CONFIG_MAPS, namespace, "kept")

    def judge(found: dict[str, Any] | None) -> Outcome:
        return Done() if found is None else Pending(f"kept by {found['metadata']['finalizers']}")

    def wait(timeout_s: float) -> None:
        what = {"what": "configmap/kept", "expected": "to be deleted"}
        wait_until(lambda: cluster.find(CONFIG_MAPS, namespace, "kept"), judge, timeout_s=timeout_s, poll_s=0.2, **what)

    with pytest.raises(ClusterError, match=r"to be deleted within 1 s, got kept by \['foldline\.example/kept'\]"):
        wait(1.0)
    release = ("patch", "configmap", "kept", f"--namespace={namespace}", "--type=merge")
    later = threading.Timer(1.0, kubectl, [*release, '--patch={"metadata": {"finalizers": null}}'])
    later.start()
    wait(30.0)
    later.join()


def test_an_api_group_that_is_not_there_means_that_its_product_is_not_installed(
    cluster: Cluster, namespace: str
) -> None:
    for ask in (
        lambda: cluster.find(NOWHERE, namespace, "a"),
        lambda: cluster.create(NOWHERE, namespace, {"metadata": {"name": "a"}}),
        lambda: cluster.select(NOWHERE, namespace),
    ):
        with pytest.raises(ClusterError, match=r"serving\.nowhere\.example/v1beta1 .* KServe is not installed"):
            ask()


def test_a_namespace_that_does_not_exist_is_named(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r"^namespace no-such-place: expected a namespace that exists"):
        cluster.create(CONFIG_MAPS, "no-such-place", config_map("a"))


@pytest.fixture
def restricted(
    kubeconfig: Path, kubectl: Kubectl, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Cluster]:
    """A client that may do what is given, as the service account `runner`."""

    def make(verbs: str) -> Cluster:
        there = f"--namespace={namespace}"
        kubectl("create", "serviceaccount", "runner", there)
        if verbs:
            kubectl("create", "role", "some", f"--verb={verbs}", "--resource=configmaps", there)
            kubectl("create", "rolebinding", "some", "--role=some", f"--serviceaccount={namespace}:runner", there)
        admin = json.loads(kubectl("config", "view", "--raw", "--output=json"))
        token = kubectl("create", "token", "runner", there).strip()
        context = {"cluster": admin["clusters"][0]["name"], "user": "runner", "namespace": namespace}
        config = {
            **admin,
            "users": [{"name": "runner", "user": {"token": token}}],
            "contexts": [{"name": "runner", "context": context}],
            "current-context": "runner",
        }
        file = tmp_path / "runner"
        file.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(file))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        return connect(capability="kserve")

    return make


ACTIONS: dict[str, Callable[[Cluster, str], object]] = {
    "get": lambda cluster, namespace: cluster.find(CONFIG_MAPS, namespace, "a"),
    "list": lambda cluster, namespace: cluster.select(CONFIG_MAPS, namespace),
    "create": lambda cluster, namespace: cluster.create(CONFIG_MAPS, namespace, config_map("b")),
    "patch": lambda cluster, namespace: cluster.edit(CONFIG_MAPS, namespace, "a", lambda _: {"data": {"x": "y"}}),
    "delete": lambda cluster, namespace: cluster.delete(CONFIG_MAPS, namespace, "a"),
}


@pytest.mark.parametrize("denied", ACTIONS)
def test_the_one_verb_that_is_denied_is_named(
    restricted: Callable[[str], Cluster], cluster: Cluster, namespace: str, denied: str
) -> None:
    cluster.create(CONFIG_MAPS, namespace, config_map("a"))
    other = restricted(",".join(verb for verb in ACTIONS if verb != denied))
    assert other.namespace == namespace
    for verb, act in ACTIONS.items():
        if verb == denied:
            said = rf"^permission to {verb} configmaps in namespace {namespace}: expected granted to service account "
            with pytest.raises(ClusterError, match=rf"{said}{namespace}/runner, .*Role foldline-kserve"):
                act(other, namespace)
        elif not (denied == "get" and verb == "patch"):
            act(other, namespace)


def test_a_token_that_is_not_valid_is_told(restricted: Callable[[str], Cluster], namespace: str) -> None:
    other = restricted("get")
    file = Path(os.environ["KUBECONFIG"])
    content = json.loads(file.read_text())
    content["users"][0]["user"]["token"] = "not-a-token"
    file.write_text(json.dumps(content))
    other = connect(capability="kserve")
    with pytest.raises(ClusterError, match="expected credentials that the API server accepts"):
        other.find(CONFIG_MAPS, namespace, "a")


def kill_and_restart(kubeconfig: Path, down_s: float) -> None:
    pid = int((kubeconfig.parent / "pids" / "kube-apiserver").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    time.sleep(down_s)
    code = "from harness import control_plane; control_plane.api_server()"
    subprocess.run([sys.executable, "-c", code], cwd=HARNESS, check=True, timeout=120)


def test_a_killed_api_server_is_waited_through(cluster: Cluster, kubeconfig: Path, namespace: str) -> None:
    cluster.create(CONFIG_MAPS, namespace, config_map("a", state="waiting"))
    states: list[str] = []

    def judge(found: dict[str, Any] | None) -> Outcome:
        assert found is not None
        states.append(found["data"]["state"])
        return Done() if states[-1] == "there" else Pending(states[-1])

    # The write is made while the server is away: it is repeated until it is back.
    killer = threading.Thread(target=kill_and_restart, args=[kubeconfig, 3.0])
    killer.start()
    time.sleep(1.0)
    writer = threading.Thread(
        target=cluster.edit, args=[CONFIG_MAPS, namespace, "a", lambda _: {"data": {"state": "there"}}]
    )
    writer.start()
    once = cluster.without_retries()
    waited = wait_until(
        lambda: once.find(CONFIG_MAPS, namespace, "a"),
        judge,
        what="configmap/a",
        expected="to be there",
        timeout_s=90.0,
        poll_s=0.2,
    )
    killer.join()
    writer.join()
    assert waited.seconds > 1.0
