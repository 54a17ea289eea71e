"""Rollouts remembered on a real API server: one task at a time acts, and nobody's edit is overwritten."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foldline.cluster import CONFIG_MAPS, LEASES, Cluster, connect
from foldline.errors import ClusterError, ServingError
from foldline.serving.deploy_canary.keeping import lease
from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper
from foldline.serving.deploy_canary.rollout.record import BAKING, Record
from foldline.serving.deploy_canary.rollout.word import Word

pytestmark = [pytest.mark.level("api"), pytest.mark.timeout(300)]

NEW = Record("0a1b", "late", "new", "old", {"alpha": 0.05}, started_at=100.5, entered_at=100.5)
NAME = "foldline-rollout-late"
HOLD = """
import sys, time
from foldline.cluster import connect
from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper
with ClusterKeeper(connect(capability="rollouts"), sys.argv[1], "late").hold(0):
    print("held", flush=True)
    time.sleep(600)
"""
Kubectl = Callable[..., str]


@pytest.fixture
def cluster(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return connect(capability="rollouts")


def keeper(cluster: Cluster, namespace: str) -> ClusterKeeper:
    return ClusterKeeper(cluster, namespace, "late")


def test_a_rollout_comes_back_as_it_was_saved(cluster: Cluster, namespace: str) -> None:
    assert (keeper(cluster, namespace).load(), keeper(cluster, namespace).word()) == (None, Word("", 0.0))
    first = keeper(cluster, namespace)
    for record in (NEW, replace(NEW, judge={"log": [0.5]}, series=({"at": 1.5},)), NEW.entering(BAKING, 1.0, "x")):
        first.save(record)
        assert keeper(cluster, namespace).load() == record


def test_a_word_is_heard_and_does_not_disturb_the_rollout(cluster: Cluster, namespace: str) -> None:
    acting = keeper(cluster, namespace)
    keeper(cluster, namespace).say(Word("pause", 5.0))
    assert acting.word() == Word("pause", 5.0)
    acting.save(NEW)
    keeper(cluster, namespace).say(Word("resume", 6.5))
    acting.save(replace(NEW, step=1))
    assert (acting.word(), acting.load()) == (Word("resume", 6.5), replace(NEW, step=1))


def test_a_record_that_somebody_else_wrote_or_removed_is_not_overwritten(
    cluster: Cluster, kubectl: Kubectl, namespace: str
) -> None:
    acting, other = keeper(cluster, namespace), keeper(cluster, namespace)
    acting.save(NEW)
    other.load()
    other.save(replace(NEW, step=3))
    with pytest.raises(ServingError, match=rf"configmap/{NAME} .*another record, which somebody else wrote"):
        acting.save(replace(NEW, step=1))
    assert acting.load() == replace(NEW, step=3)
    acting.save(replace(NEW, step=4))
    kubectl("delete", "configmap", NAME, f"--namespace={namespace}")
    with pytest.raises(ServingError, match="none, which somebody removed meanwhile"):
        acting.save(NEW)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps(NEW.to_json() | {"phase": "elsewhere"})])
def test_a_record_that_was_edited_is_told_with_its_object(
    cluster: Cluster, kubectl: Kubectl, namespace: str, text: str
) -> None:
    keeper(cluster, namespace).save(NEW)
    patch = json.dumps({"data": {"record": text}})
    kubectl("patch", "configmap", NAME, f"--namespace={namespace}", "--patch", patch)
    with pytest.raises(
        ServingError, match=rf"configmap/{NAME} in namespace {namespace}: expected a record of the form"
    ):
        keeper(cluster, namespace).load()


def test_a_task_that_is_asked_to_end_while_it_saves_can_save_again(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = keeper(cluster, namespace)
    acting.save(NEW)
    edit = Cluster.edit

    def broken_off(*arguments: object) -> None:
        edit(*arguments)  # type: ignore[arg-type]
        raise SystemExit(143)

    with monkeypatch.context() as patched:
        patched.setattr(Cluster, "edit", broken_off)
        with pytest.raises(SystemExit):
            acting.save(replace(NEW, step=1))
    acting.save(replace(NEW, step=2))
    assert keeper(cluster, namespace).load() == replace(NEW, step=2)
    keeper(cluster, namespace).save(replace(NEW, step=3))
    with pytest.raises(ServingError, match="another record, which somebody else wrote"):
        acting.save(replace(NEW, step=4))


def test_of_two_writers_at_once_one_is_told(cluster: Cluster, namespace: str) -> None:
    keeper(cluster, namespace).save(NEW)
    writers = [keeper(cluster, namespace) for _ in range(8)]
    for writer in writers:
        writer.load()
    ends: list[bool] = []

    def write(writer: ClusterKeeper, step: int) -> None:
        try:
            writer.save(replace(NEW, step=step))
            ends.append(True)
        except ServingError:
            ends.append(False)

    threads = [threading.Thread(target=write, args=[writer, step]) for step, writer in enumerate(writers, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == [False] * 7 + [True]


def test_a_second_task_is_told_who_acts_and_takes_over_when_that_one_ends(cluster: Cluster, namespace: str) -> None:
    first, second = keeper(cluster, namespace), keeper(cluster, namespace)
    with first.hold(0):
        started = time.monotonic()
        holder = cluster.find(LEASES, namespace, NAME)
        assert holder is not None
        said = rf"within 1\.5 s, got one that is held by {holder['spec']['holderIdentity']}, which said so \d+ s ago"
        with pytest.raises(ServingError, match=said), second.hold(1.5):
            pass
        assert time.monotonic() - started >= 1.5
        first.save(NEW)
    with second.hold(0):
        second.check()


def test_a_waiting_task_begins_when_the_other_one_ends(cluster: Cluster, namespace: str) -> None:
    first, second = keeper(cluster, namespace), keeper(cluster, namespace)
    order: list[str] = []

    def wait() -> None:
        with second.hold(120):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with first.hold(0):
        waiting.start()
        time.sleep(2.0)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_the_lease_of_a_killed_task_is_taken_after_its_duration(cluster: Cluster, namespace: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, namespace], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    second = keeper(cluster, namespace)
    with pytest.raises(ServingError, match="held by"), second.hold(1):
        pass
    with second.hold(lease.LEASE_S + 60):
        second.save(NEW)


@pytest.mark.parametrize("how", ["stolen", "given up", "gone"])
def test_a_task_that_lost_its_lease_changes_nothing_any_more(
    cluster: Cluster, kubectl: Kubectl, namespace: str, how: str
) -> None:
    acting = keeper(cluster, namespace)
    guarded = cluster.guarded(acting.check)
    with acting.hold(0):
        acting.save(NEW)
        if how == "gone":
            kubectl("delete", "lease", NAME, f"--namespace={namespace}")
        else:
            patch = {"spec": {"holderIdentity": "thief" if how == "stolen" else ""}}
            kubectl("patch", "lease", NAME, f"--namespace={namespace}", "--type=merge", "--patch", json.dumps(patch))
        deadline = time.monotonic() + lease.LEASE_S + 60
        while time.monotonic() < deadline:
            try:
                acting.check()
            except ClusterError as fault:
                said = str(fault)
                break
            time.sleep(0.2)
        expected = {"stolen": "taken by thief", "given up": "given up by somebody else", "gone": "no such object"}
        assert f"lease/{NAME}" in said
        assert expected[how] in said
        with pytest.raises(ClusterError, match="held by this task"):
            acting.save(replace(NEW, step=2))
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
        with pytest.raises(ClusterError, match="held by this task"):
            guarded.create(CONFIG_MAPS, namespace, body)
        assert guarded.find(CONFIG_MAPS, namespace, "a") is None
    assert keeper(cluster, namespace).load() == NEW
    found = cluster.find(LEASES, namespace, NAME)
    assert found is None or found["spec"].get("holderIdentity", "") == {"stolen": "thief"}.get(how, "")
