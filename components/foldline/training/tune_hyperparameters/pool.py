"""Processes that train beside each other, each on processors or a device of its own."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from foldline import errors
from foldline.errors import FoldlineError, TrainingError
from foldline.training.processors import available_processors
from foldline.training.search.trial import BUG, OUT_OF_MEMORY, TIME_OUT

WORKER = "foldline.training.tune_hyperparameters.worker"
# A program of one process keeps about as many busy.
PROCESSORS_EACH = 2
LOOK_EVERY_S = 0.5
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Slot:
    """Where one process runs: its processors, and its device if there are any."""

    processors: tuple[int, ...]
    device: str = ""

    @property
    def name(self) -> str:
        return f"GPU {self.device}" if self.device else f"processors {', '.join(map(str, self.processors))}"


@dataclass(frozen=True)
class Request:
    """What a process is to do, and the seconds that it may take; no limit where they are None."""

    content: dict[str, Any]
    limit_s: float | None = None


@dataclass(frozen=True)
class Reply:
    """The answer to a request.

    Attributes:
        number: of the request.
        content: empty where the process was lost.
        where: what it ran on.
        seconds: from when the process took it up, its imports and reading of the rows not counted.
        lost: empty, or the kind of failure that a lost process is.
        message: how it was lost.
    """

    number: int
    content: dict[str, Any]
    where: str
    seconds: float
    lost: str = ""
    message: str = ""


class _Worker:
    """One process; it has one request at a time."""

    def __init__(self, slot: Slot, opening: Mapping[str, Any]) -> None:
        self.slot, self.opened, self.number = slot, False, -1
        self._began = 0.0
        self._limit_s: float | None = None
        threads = {name: str(len(slot.processors)) for name in THREADS}
        device = {DEVICES: slot.device} if slot.device else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", WORKER, ",".join(map(str, slot.processors))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=os.environ | threads | device,
        )  # fmt: skip
        self._send(opening)

    def ask(self, number: int, request: Request) -> None:
        self.number, self._limit_s = number, request.limit_s
        self._began = time.monotonic()
        self._send(request.content)

    def answer(self) -> dict[str, Any] | None:
        """The answer that has come; None where the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            self.process.wait()
            return None
        answer: dict[str, Any] = json.loads(line)
        if not self.opened:
            # Imports and reading the rows are no part of a trial.
            self.opened, self._began = True, time.monotonic()
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    @property
    def seconds(self) -> float:
        """Seconds that it has been at its request; none before it is open."""
        return time.monotonic() - self._began if self.opened else 0.0

    @property
    def late(self) -> bool:
        """Whether the request takes longer than it may."""
        return self._limit_s is not None and self.seconds > self._limit_s

    def _send(self, content: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        left = json.dumps(content).encode() + b"\n"
        # It may have ended: that is what its answer will be.
        with suppress(BrokenPipeError):
            while left:
                left = left[self.process.stdin.write(left) :]


class Pool:
    """Processes that are started when there is work for them, and kept: rows and programs are used again.

    Args:
        opening: what every process reads before its first request.

    Attributes:
        places: number of processes that there can be.
    """

    def __init__(self, slots: Sequence[Slot], opening: Mapping[str, Any]) -> None:
        self._free, self._opening, self.places = list(slots), opening, len(slots)
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def replies(self, requests: Sequence[Request], ended: Callable[[], bool]) -> Iterator[Reply]:
        """The answers in the order in which they come.

        Args:
            ended: whether to end: what is still at work is then ended, and not heard of.

        Raises:
            FoldlineError: a process cannot use the artifacts.
        """
        waiting = deque(enumerate(requests))
        with selectors.DefaultSelector() as selector:
            while waiting or self._busy:
                while waiting and (self._idle or self._free):
                    worker = self._idle.pop() if self._idle else _Worker(self._free.pop(0), self._opening)
                    worker.ask(*waiting.popleft())
                    self._busy.append(worker)
                    selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
                for key, _ in selector.select(LOOK_EVERY_S):
                    worker = key.data
                    opening = not worker.opened
                    answer = worker.answer()
                    if answer is not None and opening:
                        _check_opened(answer)
                        continue
                    selector.unregister(key.fileobj)
                    yield self._heard(worker, answer, opening)
                for worker in [one for one in self._busy if one.late]:
                    selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
                    yield self._lose(worker, TIME_OUT, "it took longer than trial_s allows")
                if ended():
                    for worker in list(self._busy):
                        self._end(worker)
                    return

    def close(self) -> None:
        """End every process."""
        for worker in [*self._idle, *self._busy]:
            worker.end()

    def _heard(self, worker: _Worker, answer: dict[str, Any] | None, opening: bool) -> Reply:
        if answer is not None:
            self._busy.remove(worker)
            self._idle.append(worker)
            return Reply(worker.number, answer, worker.slot.name, worker.seconds)
        code = worker.process.returncode
        how = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with status {code}"
        if opening:
            self._end(worker)
            raise TrainingError(
                "a process of the search", expected="to read the rows", got=how,
                fix="Give the task more memory." if code == -9 else "Its last lines are in the log.",
            )  # fmt: skip
        if code == -9:
            return self._lose(worker, OUT_OF_MEMORY, f"{how}, as the kernel does out of memory")
        return self._lose(worker, BUG, how)

    def _lose(self, worker: _Worker, failure: str, message: str) -> Reply:
        seconds = worker.seconds
        self._end(worker)
        return Reply(worker.number, {}, worker.slot.name, seconds, failure, message)

    def _end(self, worker: _Worker) -> None:
        worker.end()
        self._busy.remove(worker)
        self._free.append(worker.slot)


def _check_opened(answer: Mapping[str, Any]) -> None:
    fault = answer.get("fault")
    if fault:
        kind: type[FoldlineError] = getattr(errors, fault["kind"])
        raise kind(fault["what"], expected=fault["expected"], got=fault["got"], fix=fault["fix"])


def slots_of(environment: Mapping[str, str], at_most: int) -> list[Slot]:
    """A slot for each NVIDIA device of this machine, or one for each two processors; at most so many."""
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    processors = affinity[: available_processors()]
    devices = _devices(environment)
    count = max(1, min(at_most, len(devices) or len(processors) // PROCESSORS_EACH))
    shares = [tuple(processors[index::count]) or tuple(processors) for index in range(count)]
    return [Slot(share, devices[index] if devices else "") for index, share in enumerate(shares)]


def _devices(environment: Mapping[str, str]) -> list[str]:
    if DEVICES in environment:
        return [name for name in environment[DEVICES].split(",") if name.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(index) for index, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]
