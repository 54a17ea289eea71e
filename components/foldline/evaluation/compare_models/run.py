"""Files of `compare_models`: artifacts and the store's champion in, decision and report out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Decision, Folds, Model, Predictions, Task
from foldline.artifacts.dataset import row_id_array
from foldline.disk import room_for
from foldline.errors import ArgumentError, ArtifactError, ComparisonError
from foldline.evaluation import metrics
from foldline.evaluation.columns import check_columns
from foldline.evaluation.compare_models import page, trusted
from foldline.evaluation.compare_models.gain import Gain, gain
from foldline.evaluation.compare_models.scoring import predictions_of
from foldline.evaluation.per_row import Array
from foldline.store import CHAMPION, open_store, version_of

DUMMY = "dummy baseline"
BOOTSTRAP_SEED = 0
_LOGGED = (
    *("challenger_score", "champion_score", "gain", "gain_lower_bound", "gain_upper_bound", "rows"),
    *("trusted_challenger_score", "trusted_champion_score", "trusted_gain", "trusted_rows"),
)
ESTIMAND = "gain on other rows of the same kind, both models as they are; the variance of training is not in it"


@dataclass(frozen=True)
class _Inputs:
    challenger: Model
    dataset: Dataset
    folds: Folds
    predictions: Predictions


@room_for("the outputs")
def run(
    *,
    challenger: str,
    dataset: str,
    folds: str,
    predictions: str,
    decision: str,
    report: str,
    store_uri: str,
    model_name: str,
    confidence: float,
    minimum_gain: float,
    minimum_rows: int,
    trusted_uri: str,
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Compare the challenger with the champion of `model_name`, or with the dummy baseline where there is none.

    Raises:
        ArgumentError: a parameter is out of range.
        ArtifactError: an input is torn, or they do not belong together.
        ComparisonError: the two have different labels, columns that the dataset lacks, or too few rows in common.
        StoreError: the store or its champion cannot be read.
    """
    policy = _policy(confidence, minimum_gain, minimum_rows)
    inputs = _read(Path(challenger), Path(dataset), Path(folds), Path(predictions))
    store = open_store(store_uri)
    version = store.alias(model_name, CHAMPION)
    champion = None if version is None else Model.read(store.fetch(model_name, version))
    whose = DUMMY if version is None else f"champion {version}"
    seen = inputs.challenger.training_rows()
    if champion is not None:
        _check_same_question(inputs.challenger, champion, whose)
        check_columns(champion, inputs.dataset, whose=whose)
        seen = np.union1d(seen, champion.training_rows())
    unseen = ~np.isin(inputs.predictions.row_id, seen)
    _check_rows(unseen, policy["minimum_rows"], whose)
    label, ours = inputs.predictions.label[unseen], inputs.predictions.prediction[unseen]
    theirs = (
        _dummy_predictions(inputs, len(label))
        if champion is None
        else predictions_of(champion, inputs.dataset, inputs.predictions.row_id[unseen], whose)
    )
    found = gain(inputs.predictions.task, label, ours, theirs, confidence=policy["confidence"], seed=BOOTSTRAP_SEED)
    figures = {
        "challenger_version": version_of(inputs.challenger.digest),
        "challenger_digest": inputs.challenger.digest,
        "champion": whose,
        "champion_version": version or "",
        **_scores(inputs.predictions.task, label, ours, theirs),
        **_gain_figures(found),
        "rows": len(label),
        "test_rows": len(unseen),
        "dropped_rows": int((~unseen).sum()),
        "model_name": model_name,
        "estimand": ESTIMAND,
    }
    verdict, reasons = _judge(found, policy, whose)
    if champion is not None:
        reasons += _identity_warning(champion, inputs.dataset)
    if trusted_uri:
        with trusted.read(trusted_uri, inputs.dataset, inputs.challenger.label) as rows:
            test = trusted.compare(
                inputs.challenger, champion, rows, seen, confidence=confidence, seed=BOOTSTRAP_SEED, whose=whose
            )
        figures |= test.figures
        if verdict == "promote" and test.is_worse:
            verdict, reasons = "keep", (test.sentence, *reasons)
        else:
            reasons += (test.sentence,)
    made = Decision(subject="comparison", verdict=verdict, reasons=reasons, figures=figures, policy=policy)
    made.write(Path(decision))
    page.comparison(made).write(Path(report))
    for name in _LOGGED:
        if name in figures:
            log_metric(name, figures[name])
    describe({"verdict": verdict, "champion": whose, "gain": found.value})


def _policy(confidence: float, minimum_gain: float, minimum_rows: int) -> dict[str, Any]:
    if not 0.5 < confidence < 1.0:
        raise ArgumentError("confidence", expected="a number between 0.5 and 1", got=repr(confidence))
    if not np.isfinite(minimum_gain):
        raise ArgumentError("minimum_gain", expected="a finite number", got=repr(minimum_gain))
    if minimum_rows < 2:
        raise ArgumentError("minimum_rows", expected="at least 2", got=repr(minimum_rows))
    return {"confidence": confidence, "minimum_gain": minimum_gain, "minimum_rows": minimum_rows}


def _read(challenger: Path, dataset: Path, folds: Path, predictions: Path) -> _Inputs:
    inputs = _Inputs(Model.read(challenger), Dataset.read(dataset), Folds.read(folds), Predictions.read(predictions))
    origin = {
        "kind": "test",
        "model": inputs.challenger.digest,
        "dataset": inputs.dataset.digest,
        "folds": inputs.folds.digest,
    }
    for name, expected in origin.items():
        if inputs.predictions.origin.get(name) != expected:
            raise ArtifactError(
                f"field origin.{name} of {predictions}",
                expected=expected,
                got=repr(inputs.predictions.origin.get(name)),
                fix="Give the predictions that evaluate_model made of this challenger, dataset and folds.",
            )
    return inputs


def _check_same_question(challenger: Model, champion: Model, whose: str) -> None:
    for name, expected, got in (
        ("label", challenger.label, champion.label),
        ("task", challenger.task.kind, champion.task.kind),
        ("classes", list(challenger.task.classes), list(champion.task.classes)),
    ):
        if expected != got:
            raise ComparisonError(
                f"{name} of {whose}",
                expected=f"{expected!r}, as the challenger's",
                got=repr(got),
                fix="Give the challenger a model_name of its own.",
            )


def _check_rows(unseen: NDArray[np.bool_], minimum_rows: int, whose: str) -> None:
    rows = int(unseen.sum())
    if rows < minimum_rows:
        raise ComparisonError(
            "rows that neither model was trained on",
            expected=f"at least {minimum_rows} (minimum_rows)",
            got=f"{rows}: {len(unseen) - rows} of {len(unseen)} test rows were in training of {whose} or challenger",
            fix="Hold out more rows (test_fraction), or take rows that are newer than the champion.",
        )


def _dummy_predictions(inputs: _Inputs, rows: int) -> NDArray[np.float32]:
    """The share of each class, or the mean, of the challenger's training rows; shape (rows, task.outputs)."""
    table = inputs.dataset.table([inputs.challenger.label])
    trained = np.isin(row_id_array(table), inputs.challenger.training_rows())
    if not trained.any():
        raise ComparisonError(
            f"dataset {inputs.dataset.path}",
            expected="the challenger's training rows, for the dummy baseline",
            got="none of them",
        )
    task = inputs.challenger.task
    label = task.encode(table.filter(pa.array(trained))[inputs.challenger.label])
    if task.kind == "multiclass":
        row = np.bincount(label.astype(np.int64), minlength=task.outputs) / len(label)
    else:
        row = np.array([label.mean(dtype=np.float64)])
    return np.tile(row.astype(np.float32), (rows, 1))


def _scores(task: Task, label: Array, ours: Array, theirs: Array) -> dict[str, Any]:
    name = metrics.primary_metric(task).name
    return {
        "metric": name,
        "challenger_score": metrics.score(task, label, ours)[name],
        "champion_score": metrics.score(task, label, theirs)[name],
    }


def _gain_figures(found: Gain) -> dict[str, Any]:
    return {
        "gain": found.value,
        "gain_lower_bound": found.lower,
        "gain_upper_bound": found.upper,
        "gain_unit": found.unit,
        "method": found.method,
    }


def _judge(found: Gain, policy: dict[str, Any], whose: str) -> tuple[str, tuple[str, ...]]:
    least, percent = policy["minimum_gain"], 100 * policy["confidence"]
    said = (
        f"the challenger's gain in {found.unit.replace('_', ' ')} over {whose} is {found.value:.4g}, "
        f"with {percent:g} % confidence above {found.lower:.4g}"
    )
    if found.lower > least:
        return "promote", (f"Promote: {said}; more than {least:g} is asked.",)
    return "keep", (f"Keep: {said}; not more than {least:g}, which is asked.",)


def _identity_warning(champion: Model, dataset: Dataset) -> tuple[str, ...]:
    known = np.isin(row_id_array(dataset.table([])), champion.training_rows()).any()
    if known:
        return ()
    return (
        "No row of this dataset was in the champion's training. Where the two datasets do hold the same rows under "
        "other identities (other columns or key_columns), the champion has seen what it is judged on.",
    )
