"""Claims that are stalled, taken over, dropped or waited for: the run that stays, and who says so."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builders import triggers
from builders.kubeflow import Kubeflow
from foldline.errors import RunError
from foldline.kubeflow.connection import connect
from foldline.operations.trigger_run.backends.kubeflow import KubeflowBackend
from foldline.operations.trigger_run.claiming import Claims, Outcome
from foldline.operations.trigger_run.guards import Guard
from foldline.operations.trigger_run.ledger import Entry, Ledger
from foldline.operations.trigger_run.shared_ledger import SharedLedger
from foldline.store.records import open_records

LATE_S = 1000.0


class Watcher:
    """A task with a reason.

    Args:
        key: of the reason.
        late_s: seconds by which its clock is ahead, so that claims of others are over.
        on_begin: happens just before the run is asked for, when the claim is long written.
        refuse: after so many starts.
    """

    def __init__(
        self,
        folder: Path,
        owner: str,
        key: str = "a" * 64,
        *,
        late_s: float = 0.0,
        on_begin: Callable[[], object] = lambda: None,
        most: int = 9,
        lease_s: float = 120.0,
    ) -> None:
        self.backend = KubeflowBackend(connect(), triggers.PIPELINE, "")
        self.ledger = SharedLedger(open_records(str(folder), argument="state_uri"), "late", owner)
        self._claims = Claims(
            self.ledger, self.backend, lease_s=lease_s, poll_s=0.02, wall=lambda: time.time() + late_s
        )
        at = datetime.now(UTC).isoformat()
        self.entry = Entry(key, (key,), f"run-{key[:4]}", "for a test", triggers.PIPELINE, "second", at)
        self._on_begin, self._most = on_begin, most

    def start(self) -> Outcome:
        return self._claims.start(self.entry, self._judge, lambda: (), self._begin)

    def _judge(self, ledger: Ledger) -> tuple[Guard, ...]:
        answered = ledger.answering(self.entry.key)
        return (
            Guard("started before", answered is None, answered.owner if answered else ""),
            Guard("budget", len(ledger.started) < self._most, ""),
        )

    def _begin(self) -> None:
        self._on_begin()
        self.backend.start(self.entry.name, "", {})


def recorded(folder: Path) -> list[str]:
    """Ids of the runs in the ledger, in which nothing is claimed."""
    ledger = Watcher(folder, "reader").ledger.read()
    assert ledger.pending is None
    return [entry.run_id for entry in ledger.entries]


@pytest.mark.parametrize("older", ["stalled", "other"], ids=lambda who: f"the {who} one's run is older")
def test_a_double_of_a_stalled_watcher_is_ended_and_the_older_run_stays(
    older: str, server: Kubeflow, tmp_path: Path
) -> None:
    outcomes: list[Outcome] = []

    def overtaken() -> None:
        outcomes.append(Watcher(tmp_path, "other", late_s=LATE_S).start())
        (run,) = server.runs.values()
        run["created_at"] = "2020-01-01T00:00:00Z" if older == "other" else "2199-01-01T00:00:00Z"

    outcomes.append(Watcher(tmp_path, "stalled", on_begin=overtaken).start())
    assert len(server.runs) == 2
    (run,) = triggers.living(server)
    first, second = server.runs
    assert run["run_id"] == (first if older == "other" else second)
    assert recorded(tmp_path) == [run["run_id"]]
    assert outcomes[1].run is not None
    assert outcomes[1].run.id == run["run_id"]


def test_a_double_that_a_dead_task_left_is_ended_by_whoever_comes_next(server: Kubeflow, tmp_path: Path) -> None:
    assert Watcher(tmp_path, "first").start().started
    first = Watcher(tmp_path, "second")
    first.backend.start(first.entry.name, "", {})
    outcome = first.start()
    assert (outcome.started, outcome.guards[0].sentence) == (False, "first")
    assert outcome.run is not None
    (run,) = triggers.living(server)
    assert recorded(tmp_path) == [outcome.run.id] == [run["run_id"]]


def test_a_watcher_whose_claim_another_reason_dropped_ends_its_run(server: Kubeflow, tmp_path: Path) -> None:
    def dropped() -> None:
        assert Watcher(tmp_path, "other", "b" * 64, late_s=LATE_S).start().started

    outcome = Watcher(tmp_path, "stalled", on_begin=dropped, most=1).start()
    assert (outcome.started, outcome.run) == (False, None)
    assert [guard.name for guard in outcome.guards if not guard.passes] == ["budget"]
    (run,) = triggers.living(server)
    assert run["display_name"] == "run-bbbb"
    assert recorded(tmp_path) == [run["run_id"]]


def test_a_watcher_whose_claim_was_dropped_records_its_run_where_it_may_start(server: Kubeflow, tmp_path: Path) -> None:
    def dropped() -> None:
        assert Watcher(tmp_path, "other", "b" * 64, late_s=LATE_S).start().started

    outcome = Watcher(tmp_path, "stalled", on_begin=dropped).start()
    assert (outcome.started, outcome.adopted) == (True, False)
    assert sorted(recorded(tmp_path)) == sorted(run["run_id"] for run in triggers.living(server))
    assert sorted(run["display_name"] for run in triggers.living(server)) == ["run-aaaa", "run-bbbb"]


@pytest.mark.parametrize("began", [True, False], ids=["its run began", "its run did not begin"])
def test_a_dead_tasks_claim_of_another_reason_is_ended_first(began: bool, server: Kubeflow, tmp_path: Path) -> None:
    dead = Watcher(tmp_path, "dead", "b" * 64)
    dead.ledger.claim(dead.entry, lambda _: (), lambda _: False, time.time())
    if began:
        dead.backend.start(dead.entry.name, "", {})
    outcome = Watcher(tmp_path, "next", late_s=LATE_S, most=1).start()
    assert outcome.started is not began
    (run,) = server.runs.values()
    assert run["display_name"] == ("run-bbbb" if began else "run-aaaa")
    assert recorded(tmp_path) == [run["run_id"]]


def test_a_living_claim_is_waited_for_and_a_dead_one_until_its_lease_is_over(server: Kubeflow, tmp_path: Path) -> None:
    dead = Watcher(tmp_path, "dead", lease_s=60.0)
    dead.ledger.claim(dead.entry, lambda _: (), lambda _: False, time.time())
    waiting = Watcher(tmp_path, "patient", lease_s=60.0)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(waiting.start()))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    assert server.runs == {}
    hasty = Watcher(tmp_path, "hasty", lease_s=0.2).start()
    thread.join(20)
    assert not thread.is_alive()
    assert (hasty.started, outcomes[0].started) == (True, False)
    assert outcomes[0].guards[0].sentence == "hasty"
    assert len(server.runs) == 1


def test_a_run_that_is_refused_leaves_its_claim_to_the_next(server: Kubeflow, tmp_path: Path) -> None:
    refused = Watcher(tmp_path, "refused", on_begin=lambda: setattr(server, "refuse", (400, '{"message": "no"}')))
    with pytest.raises(RunError, match=r"expected Kubeflow Pipelines to accept it, got 400 from .*: no"):
        refused.start()
    pending = refused.ledger.read().pending
    assert pending is not None
    assert pending.owner == "refused"
    server.refuse = None
    assert Watcher(tmp_path, "next", late_s=LATE_S).start().started
    assert len(server.runs) == 1


def test_a_claim_that_is_renewed_again_and_again_is_told(server: Kubeflow, tmp_path: Path) -> None:
    busy, patient = Watcher(tmp_path, "busy"), Watcher(tmp_path, "patient")
    now = [0.0]

    def renewed(_: float) -> None:
        now[0] += 100.0
        busy.ledger.claim(busy.entry, lambda _: (), lambda _: False, now[0])

    renewed(0.0)
    claims = Claims(
        patient.ledger, patient.backend, wall=lambda: now[0], clock=lambda: now[0], sleep=renewed, lease_s=120.0
    )
    with pytest.raises(RunError, match=r"run/run-aaaa: expected to be started by busy within 1200 s"):
        claims.start(patient.entry, lambda _: (), lambda: (), lambda: None)
    assert now[0] >= 1200.0
