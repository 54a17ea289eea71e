"""Requests that wait together are one call of the model, and each gets its own rows or its own fault."""

import asyncio
import threading
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldline.serving.server.batching import Batcher

WAIT_S = 60.0


class Model:
    """Doubles column `x`; refuses 13; does not begin a call before `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.calls: list[list[float]] = []
        self.told: list[tuple[int, int]] = []

    def predict(self, tensors: Any) -> NDArray[np.float32]:
        self.begun.set()
        assert self.go.wait(WAIT_S)
        values = tensors["x"]
        if 13 in values:
            raise ValueError("13")
        self.calls.append(values.tolist())
        return (2.0 * values)[:, None].astype(np.float32)

    def called(self, rows: int, requests: int, seconds: float) -> None:
        assert seconds >= 0
        self.told.append((rows, requests))

    async def ask(self, batcher: Batcher, requests: list[list[float]]) -> list[Any]:
        """Send the first request, then, while the model has it, the others; the outcome of each."""
        sent = [asyncio.ensure_future(batcher.predict({"x": np.array(requests[0], np.float64)}))]
        await asyncio.sleep(0)
        assert await asyncio.to_thread(self.begun.wait, WAIT_S)
        sent += [asyncio.ensure_future(batcher.predict({"x": np.array(values, np.float64)})) for values in requests[1:]]
        await asyncio.sleep(0)
        self.go.set()
        return await asyncio.wait_for(asyncio.gather(*sent, return_exceptions=True), WAIT_S)


def outcomes(requests: list[list[float]], most_rows: int = 100, wait_s: float = 0.0) -> tuple[Model, list[Any]]:
    model = Model()
    batcher = Batcher(model.predict, most_rows=most_rows, wait_s=wait_s, called=model.called)
    try:
        return model, asyncio.run(model.ask(batcher, requests))
    finally:
        batcher.close(WAIT_S)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    most_rows=st.integers(1, 20),
)
def test_each_request_gets_exactly_its_rows_in_calls_of_at_most_so_many(sizes: list[int], most_rows: int) -> None:
    values = iter(np.arange(100.0, 1000.0).tolist())
    requests = [[next(values) for _ in range(size)] for size in sizes]
    model, answers = outcomes(requests, most_rows)
    assert [answer.tolist() for answer in answers] == [[[2.0 * value] for value in values] for values in requests]
    assert list(chain.from_iterable(model.calls)) == list(chain.from_iterable(requests))
    longest = max(sizes)
    assert all(len(call) <= max(most_rows, longest) for call in model.calls)
    assert [rows for rows, _ in model.told] == [len(call) for call in model.calls]
    assert sum(requests for _, requests in model.told) == len(sizes)


def test_what_queued_while_the_model_was_busy_is_its_next_call() -> None:
    model, _ = outcomes([[1], [2], [3, 4], [5]])
    assert model.calls == [[1], [2, 3, 4, 5]]


def test_a_request_that_comes_alone_waits_for_nobody() -> None:
    model, answers = outcomes([[1]], wait_s=0.0)
    assert (model.calls, answers[0].tolist()) == ([[1]], [[2]])


def test_with_a_wait_the_first_request_is_joined_by_those_that_come() -> None:
    model = Model()
    model.go.set()
    batcher = Batcher(model.predict, most_rows=3, wait_s=WAIT_S, called=model.called)

    async def ask() -> None:
        await asyncio.gather(*(batcher.predict({"x": np.array([float(value)])}) for value in (1, 2, 3)))

    # Three rows are enough, so the wait never runs its full length.
    asyncio.run(asyncio.wait_for(ask(), WAIT_S / 2))
    batcher.close(WAIT_S)
    assert model.calls == [[1, 2, 3]]


@pytest.mark.parametrize("bad", range(4))
def test_a_request_that_the_model_refuses_fails_alone(bad: int) -> None:
    requests = [[13.0] if index == bad else [float(index)] for index in range(4)]
    _, answers = outcomes([[99], *requests])
    assert answers[0].tolist() == [[198]]
    for index, answer in enumerate(answers[1:]):
        if index == bad:
            assert isinstance(answer, ValueError)
        else:
            assert answer.tolist() == [[2.0 * index]]


def test_a_client_that_went_away_leaves_the_others_theirs() -> None:
    model = Model()
    batcher = Batcher(model.predict, most_rows=10, wait_s=0.0, called=model.called)

    async def ask() -> Any:
        first = asyncio.ensure_future(batcher.predict({"x": np.array([1.0])}))
        await asyncio.sleep(0)
        assert await asyncio.to_thread(model.begun.wait, WAIT_S)
        gone, stays = (asyncio.ensure_future(batcher.predict({"x": np.array([value])})) for value in (2.0, 3.0))
        await asyncio.sleep(0)
        gone.cancel()
        model.go.set()
        return await asyncio.wait_for(asyncio.gather(first, stays), WAIT_S)

    answers = asyncio.run(ask())
    batcher.close(WAIT_S)
    assert [answer.tolist() for answer in answers] == [[[2]], [[6]]]
    assert model.calls == [[1], [2, 3]]


def test_closing_answers_what_has_queued() -> None:
    model = Model()
    batcher = Batcher(model.predict, most_rows=1, wait_s=0.0, called=model.called)

    async def ask() -> Any:
        sent = [asyncio.ensure_future(batcher.predict({"x": np.array([float(value)])})) for value in range(5)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(batcher.close, WAIT_S))
        model.go.set()
        answers = await asyncio.wait_for(asyncio.gather(*sent), WAIT_S)
        await closing
        return answers

    assert [answer.tolist() for answer in asyncio.run(ask())] == [[[2.0 * value]] for value in range(5)]
