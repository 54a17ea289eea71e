"""Processes that take work, one piece at a time, and that can be ended in the middle of it."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any, Self

from threadpoolctl import threadpool_limits

# A process begun afresh has no threads of JAX or TensorFlow to be copied in the middle of what they do.
_PROCESSES = get_context("spawn")


@dataclass(frozen=True)
class Ended:
    """A piece of work that has ended: its number, what it gave, and in words what went wrong, if something did."""

    number: int
    value: Any
    fault: str


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    pipe: Any

    def stop(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


class Workers:
    """Processes that are started when there is work for them and kept for more.

    Args:
        threads: number of threads that OpenMP and the linear algebra of each may use.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._idle: list[_Worker] = []
        self._busy: dict[Any, tuple[_Worker, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.stop()

    def run(self, work: Sequence[Callable[[], Any]], size: int, deadline: float) -> Iterator[Ended]:
        """Do `work`, `size` pieces at once; what the deadline cuts off is not heard of.

        Args:
            work: pieces that can be pickled. A fault in one, or the death of its process, is told and ends nothing.
            deadline: by `time.monotonic`, in seconds.
        """
        waiting = deque(enumerate(work))
        while waiting or self._busy:
            while waiting and len(self._busy) < size:
                worker = self._idle.pop() if self._idle else self._start()
                number, piece = waiting.popleft()
                worker.pipe.send(piece)
                self._busy[worker.pipe] = worker, number
            ready = connection.wait(list(self._busy), timeout=max(0.0, deadline - time.monotonic()))
            for pipe in ready:
                worker, number = self._busy.pop(pipe)
                yield self._answer(worker, number)
            if time.monotonic() >= deadline:
                for worker, _ in self._busy.values():
                    worker.stop()
                self._busy.clear()
                return

    def _start(self) -> _Worker:
        ours, theirs = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        process.start()
        # The process must be the only one to hold its end, or its death would not be seen.
        theirs.close()
        return _Worker(process, ours)

    def _answer(self, worker: _Worker, number: int) -> Ended:
        try:
            value, fault = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            code = worker.process.exitcode or 0
            how = f"by signal {-code}; it may have been short of memory" if code < 0 else f"with status {code}"
            return Ended(number, None, f"its process ended {how}")
        self._idle.append(worker)
        return Ended(number, value, fault)


def _serve(pipe: Any, threads: int) -> None:
    while True:
        try:
            piece = pipe.recv()
        except EOFError:
            return
        try:
            with threadpool_limits(threads):
                answer = piece(), ""
        except Exception as fault:  # What one piece does wrong is its own row of the table.
            text = str(fault).strip().splitlines()
            answer = None, f"{type(fault).__name__}: {text[0] if text else 'no message'}"
        pipe.send(answer)
