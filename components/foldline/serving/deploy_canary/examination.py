"""Asks a server what its model's right answers are known for, and says what was wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Model, Predictions
from foldline.artifacts.dataset import row_id_array
from foldline.errors import ArtifactError, ServingError
from foldline.serving.deploy_canary import smoke
from foldline.serving.deploy_canary.backends.backend import NotReadyError, Server


@dataclass(frozen=True)
class Golden:
    """Raw test rows as a client sends them, and the recorded prediction of each; shape (n_rows, n_outputs)."""

    rows: list[dict[str, Any]]
    expected: NDArray[np.float32]


def golden(dataset: Dataset, predictions: Predictions, model: Model, count: int) -> Golden:
    """At most `count` test rows with the challenger's predictions.

    Raises:
        ArtifactError: the predictions are not this model's of the test rows of this dataset.
    """
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
    return Golden(smoke.records(table, model.signature), recorded)


def examine(
    server: Server, right: Golden, model: Model, version: str, timeout_s: float
) -> tuple[list[str], dict[str, Any]]:
    """Wait for the server and ask it all; what was wrong, and the figures: counts, largest difference, latency.

    Raises:
        NotReadyError: it could not be asked.
    """
    try:
        figures: dict[str, Any] = {"ready_after_s": round(server.wait_ready(timeout_s), 3)}
    except ServingError as fault:
        raise NotReadyError(fault.what, expected=fault.expected, got=fault.got, fix=fault.fix) from None
    figures |= server.described()
    answers = [server.predict([row]) for row in right.rows]
    empty = server.predict([{column.name: None for column in model.signature}])
    malformed = server.predict([{smoke.UNKNOWN_COLUMN: 1}])
    found = [smoke.golden_problem(answer, row, version) for answer, row in zip(answers, right.expected, strict=True)]
    problems = [f"golden request {index}: {problem}" for index, problem in enumerate(found) if problem]
    for name, problem in (
        ("row without values", smoke.empty_row_problem(empty, model.task.outputs)),
        ("request with an unknown column", smoke.malformed_problem(malformed)),
    ):
        problems += [f"{name}: {problem}"] if problem else []
    differences = [
        smoke.difference(answer, row)
        for answer, row, wrong in zip(answers, right.expected, found, strict=True)
        if not wrong
    ]
    figures |= {
        "requests": len(answers) + 2,
        "wrong": len(problems),
        "largest_difference": max(differences, default=None),
        **smoke.latency_ms(answers),
    }
    return problems, figures
