"""One call of the model for all requests that wait for it, on a thread of its own."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
Predict = Callable[[Tensors], NDArray[np.float32]]
# Told of each call of the model: rows, requests, seconds.
Called = Callable[[int, int, float], None]


@dataclass(frozen=True)
class _Request:
    tensors: Tensors
    rows: int
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[NDArray[np.float32]]"


class Batcher:
    """Gathers what has queued while the model was busy into its next call.

    A request that comes alone is answered at once: nothing waits for company unless `wait_s` says so.
    """

    def __init__(self, predict: Predict, *, most_rows: int, wait_s: float, called: Called) -> None:
        """Start the thread.

        Args:
            predict: the model; rows in, shape (n_rows,) a column, predictions of as many rows out.
            most_rows: of a batch; a request with more is a batch of its own.
            wait_s: how long the first request of a batch waits for others.
        """
        self._predict, self._most_rows, self._wait_s, self._called = predict, most_rows, wait_s, called
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    async def predict(self, tensors: Tensors) -> NDArray[np.float32]:
        """The predictions of one request's rows.

        Raises:
            Exception: what the model raises for these rows alone; a fault of another request never comes here.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[NDArray[np.float32]] = loop.create_future()
        self._queue.put(_Request(tensors, len(next(iter(tensors.values()))), loop, answer))
        return await answer

    def close(self, timeout_s: float) -> bool:
        """Answer what has queued, then end the thread; whether it has ended in time."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        held: _Request | None = None
        while True:
            first = held or self._queue.get()
            if first is None:
                return
            batch, held = self._gather(first)
            self._answer(batch)

    def _gather(self, first: _Request) -> tuple[list[_Request], _Request | None]:
        """The requests of the next call, and one that came but has too many rows for it."""
        batch, rows = [first], first.rows
        deadline = time.monotonic() + self._wait_s
        while rows < self._most_rows:
            left = deadline - time.monotonic()
            try:
                request = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._queue.put(None)
                break
            if rows + request.rows > self._most_rows:
                return batch, request
            batch.append(request)
            rows += request.rows
        return batch, None

    def _answer(self, batch: Sequence[_Request]) -> None:
        try:
            predictions = self._call(batch)
        except Exception as fault:
            if len(batch) > 1:
                for request in batch:
                    self._answer([request])
            else:
                _tell(batch, [fault])
            return
        ends = np.cumsum([request.rows for request in batch])[:-1]
        _tell(batch, np.split(predictions, ends))

    def _call(self, batch: Sequence[_Request]) -> NDArray[np.float32]:
        tensors = batch[0].tensors
        if len(batch) > 1:
            tensors = {name: np.concatenate([request.tensors[name] for request in batch]) for name in tensors}
        started = time.perf_counter()
        predictions = self._predict(tensors)
        seconds = time.perf_counter() - started
        self._called(sum(request.rows for request in batch), len(batch), seconds)
        return predictions


def _tell(batch: Sequence[_Request], outcomes: Sequence[NDArray[np.float32] | Exception]) -> None:
    """Wake the requests, which all wait on one event loop."""

    def set_all() -> None:
        for request, outcome in zip(batch, outcomes, strict=True):
            if request.answer.done():
                continue
            if isinstance(outcome, Exception):
                request.answer.set_exception(outcome)
            else:
                request.answer.set_result(outcome)

    # A loop that was closed has nobody left who waits.
    with suppress(RuntimeError):
        batch[0].loop.call_soon_threadsafe(set_all)
