"""Files of `deploy_canary`: a challenger and what was decided about it in, the canary's decision out."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Decision, Model, Predictions
from foldline.artifacts.dataset import row_id_array
from foldline.disk import room_for
from foldline.errors import ArgumentError, ArtifactError, ServingError, StoreError
from foldline.serving.deploy_canary import page, smoke
from foldline.serving.deploy_canary.backends.local import LocalServer
from foldline.store import CHAMPION, Store, open_store, version_of

MOST_PROBLEMS = 10
BACKENDS = ("local", "kserve")


@room_for("the outputs")
def run(
    *,
    challenger: str,
    dataset: str,
    predictions: str,
    comparison: str,
    decision: str,
    report: str,
    store_uri: str,
    model_name: str,
    smoke_rows: int,
    timeout_s: float,
    backend: str,
    serving_namespace: str,
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Make the challenger the champion if the comparison says so and its server answers rightly.

    Raises:
        ArgumentError: a parameter is out of range.
        ArtifactError: an input is torn, or they do not belong together.
        StoreError: the store cannot be used, or the champion is not the one that was compared.
        ServingError: the challenger failed; the champion stays, and the decision says why.
    """
    if smoke_rows < 1:
        raise ArgumentError("smoke_rows", expected="at least 1", got=repr(smoke_rows))
    if not timeout_s > 0:
        raise ArgumentError("timeout_s", expected="a number of seconds above 0", got=repr(timeout_s))
    if backend not in BACKENDS:
        raise ArgumentError("backend", expected=" or ".join(BACKENDS), got=repr(backend))
    if backend == "kserve":
        raise ArgumentError("backend", expected="local, the only one of this version", got=repr(backend))
    model, compared = Model.read(Path(challenger)), Decision.read(Path(comparison))
    _check_comparison(compared, model, model_name, Path(comparison))
    version = version_of(model.digest)
    policy = {"smoke_rows": smoke_rows, "timeout_s": timeout_s, "tolerance": smoke.TOLERANCE}
    figures: dict[str, Any] = {
        "model_name": model_name,
        "challenger_version": version,
        "champion_version_before": compared.figures["champion_version"],
    }

    def conclude(verdict: str, *reasons: str) -> None:
        made = Decision(subject="canary", verdict=verdict, reasons=reasons, figures=figures, policy=policy)
        made.write(Path(decision))
        page.canary(made).write(Path(report))
        describe({"verdict": verdict, "version": version})

    if compared.verdict == "keep":
        conclude("keep", "Nothing is deployed, the champion stays.", *compared.reasons)
        return
    store = open_store(store_uri)
    if store.alias(model_name, CHAMPION) == version:
        conclude("promote", f"Version {version} is the champion already; nothing was done.")
        return
    _check_champion(store, model_name, compared)
    rows, expected = _golden(Dataset.read(Path(dataset)), Predictions.read(Path(predictions)), model, smoke_rows)
    store.register(model_name, Path(challenger))
    problems = _judge(store.fetch(model_name, version), model, model_name, rows, expected, timeout_s, figures)
    if problems:
        figures["problems"] = problems[:MOST_PROBLEMS]
        conclude("rollback", f"The champion stays: {problems[0]}.", f"{len(problems)} of the checks failed.")
        raise ServingError(
            f"canary of model {model_name} version {version}",
            expected="right answers to all smoke requests",
            got=f"{len(problems)} wrong; first {problems[0]}",
            fix="The champion stays; the report lists what failed.",
        )
    try:
        store.set_alias(model_name, CHAMPION, version, expected=compared.figures["champion_version"] or None)
    except StoreError as fault:
        conclude("keep", f"The challenger passed, but the champion was not moved: {fault}")
        raise
    conclude("promote", f"Version {version} is the champion: {figures['requests']} requests were answered rightly.")


def _check_comparison(compared: Decision, model: Model, model_name: str, path: Path) -> None:
    for name, expected, got in (
        ("subject", "comparison", compared.subject),
        ("figures.challenger_digest", model.digest, compared.figures.get("challenger_digest")),
        ("figures.model_name", model_name, compared.figures.get("model_name")),
    ):
        if expected != got:
            raise ArtifactError(
                f"field {name} of {path}",
                expected=expected,
                got=repr(got),
                fix="Give the decision that compare_models made of this challenger.",
            )
    if compared.verdict not in ("promote", "keep"):
        raise ArtifactError(f"field verdict of {path}", expected="promote or keep", got=repr(compared.verdict))


def _check_champion(store: Store, model_name: str, compared: Decision) -> None:
    """Refuse early what the move of the alias would refuse in the end."""
    seen = compared.figures["champion_version"] or None
    current = store.alias(model_name, CHAMPION)
    if current != seen:
        raise store.conflict(model_name, CHAMPION, seen or "nothing", current or "nothing")


def _golden(
    dataset: Dataset, predictions: Predictions, model: Model, count: int
) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
    """Raw test rows as a client sends them, and the recorded prediction of each; shape (n_rows, n_outputs)."""
    for name, expected in (("kind", "test"), ("model", model.digest), ("dataset", dataset.digest)):
        if predictions.origin.get(name) != expected:
            raise ArtifactError(
                f"field origin.{name} of {predictions.path}",
                expected=expected,
                got=repr(predictions.origin.get(name)),
                fix="Give the predictions that evaluate_model made of this challenger and dataset.",
            )
    chosen = smoke.golden_rows(predictions.row_id, count)
    table = dataset.table([column.name for column in model.signature])
    table = table.filter(pc.is_in(table["row_id"], pa.array(chosen)))
    position = {identity: index for index, identity in enumerate(predictions.row_id.tolist())}
    recorded = predictions.prediction[[position[identity] for identity in row_id_array(table).tolist()]]
    return smoke.records(table, model.signature), recorded


def _judge(
    path: Path,
    model: Model,
    model_name: str,
    rows: list[dict[str, Any]],
    expected: NDArray[np.float32],
    timeout_s: float,
    figures: dict[str, Any],
) -> list[str]:
    """Serve the model and ask; what was wrong. `figures` gets the counts, the largest difference and the latency."""
    version = version_of(model.digest)
    with _ended_in_order(), LocalServer(path, model_name) as server:
        try:
            figures["ready_after_s"] = round(server.wait_ready(timeout_s), 3)
        except ServingError as fault:
            return [str(fault)]
        answers = [server.predict([row]) for row in rows]
        empty = server.predict([{column.name: None for column in model.signature}])
        malformed = server.predict([{smoke.UNKNOWN_COLUMN: 1}])
    found = [smoke.golden_problem(answer, row, version) for answer, row in zip(answers, expected, strict=True)]
    problems = [f"golden request {index}: {problem}" for index, problem in enumerate(found) if problem]
    for name, problem in (
        ("row without values", smoke.empty_row_problem(empty, model.task.outputs)),
        ("request with an unknown column", smoke.malformed_problem(malformed)),
    ):
        problems += [f"{name}: {problem}"] if problem else []
    right = [
        smoke.difference(answer, row) for answer, row, bad in zip(answers, expected, found, strict=True) if not bad
    ]
    figures |= {
        "requests": len(answers) + 2,
        "wrong": len(problems),
        "largest_difference": max(right, default=None),
        **smoke.latency_ms(answers),
    }
    return problems


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that the server process is ended before this one."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
