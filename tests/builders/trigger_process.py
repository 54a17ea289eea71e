"""Tasks of trigger_run in forks of one process: killed before or after any step, or at the same time as others.

    python -m builders.trigger_process

reads a line of JSON for each task (see `Task`) and prints its exit status; what it decided is in the task's file.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builders import triggers

TESTS = Path(__file__).resolve().parents[1]
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Task:
    """One attempt to start a run on Kubeflow.

    Attributes:
        state_uri: where the ledger is.
        file: takes the outcome as JSON.
        onset: of the drift; another one is another reason.
        when: `before` or `after` the step at which it is killed; empty for never.
        step: number of that step, from 1.
        late_s: seconds by which its clock is ahead, so that claims of dead tasks are over.
        start_at: seconds since 1970 at which it begins.
    """

    state_uri: str
    file: str
    onset: str = "2013-07-08"
    when: str = ""
    step: int = 0
    late_s: float = 0.0
    start_at: float = 0.0


class Driver:
    """The process whose forks are tasks."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "builders.trigger_process"]
        self._process = subprocess.Popen(
            command,
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def begin(self, task: Task) -> None:
        """Let a task run."""
        assert self._process.stdin is not None
        print(json.dumps(asdict(task)), file=self._process.stdin, flush=True)

    def ended(self) -> int:
        """Exit status of the task."""
        assert self._process.stdout is not None
        status = self._process.stdout.readline().strip()
        assert status in ("0", str(KILLED)), (status, self.end())
        return int(status)

    def end(self) -> str:
        """End the process; what its tasks complained of."""
        return self._process.communicate(timeout=60)[1]


def attempt(task: Task) -> None:
    """Start a run, and tell what became of it."""
    from foldline.kubeflow.connection import connect
    from foldline.operations.trigger_run import attempt, guards, reasons, rows
    from foldline.operations.trigger_run.backends.kubeflow import KubeflowBackend
    from foldline.operations.trigger_run.policy import Policy
    from foldline.operations.trigger_run.shared_ledger import SharedLedger
    from foldline.operations.trigger_run.wish import Wish
    from foldline.serving.deploy_canary.keeping.file import FileKeeper
    from foldline.store.records import open_records

    time.sleep(max(0.0, task.start_at - time.time()))
    steps = [0]

    class Store:
        def alias(self, model_name: str, alias: str) -> str:
            return triggers.VERSION

    def counted(kind: Any, name: str) -> None:
        step: Callable[..., Any] = getattr(kind, name)

        def call(*arguments: Any, **named: Any) -> Any:
            steps[0] += 1
            last = steps[0] == task.step
            if last and task.when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = step(*arguments, **named)
            if last and task.when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        setattr(kind, name, call)

    for name in ("read", "claim", "record", "give_up", "drop"):
        counted(SharedLedger, name)
    for name in ("under_way", "named", "start", "terminate"):
        counted(KubeflowBackend, name)
    drift, policy = triggers.drift(onset=task.onset), Policy.parse({})
    wish = Wish(
        model_name="late",
        reasons=reasons.find(drift, rows.Labelled(0, None, None), policy, "late"),
        judged=triggers.VERSION,
        data=guards.sound_data(triggers.validation(), drift),
        parameters={"time_end": "2013-07-21"},
        policy=policy,
        now=datetime(2013, 7, 21, tzinfo=UTC),
    )
    keeper = FileKeeper(Path(task.file).parent / "no-rollouts")
    place = attempt.Place(KubeflowBackend(connect(), triggers.PIPELINE, ""), keeper)
    owner = attempt.owner()
    ledger = SharedLedger(open_records(task.state_uri, argument="state_uri"), "late", owner)
    outcome = attempt.start(wish, place, ledger, Store(), wall=lambda: time.time() + task.late_s)
    told = {"owner": owner, "steps": steps[0], **asdict(outcome)}
    Path(task.file).write_text(json.dumps(told))


if __name__ == "__main__":
    # What takes long to import is shared by all forks.
    import foldline.kubeflow.connection
    import foldline.operations.trigger_run.attempt
    import foldline.store.records  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            attempt(Task(**json.loads(line)))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
