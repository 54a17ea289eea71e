"""How well predictions will turn out to be, before their labels come.

Confidence-based performance estimation: where a calibrated probability says how often a row is of a class, the metric
to be expected of rows follows from their probabilities alone. Assumption: no concept drift, that is, rows of these
inputs are of their classes as often as they were in the reference. What the inputs are may change; that is what the
estimate follows. A regression's predictions carry no probability, so there is no estimate for them.

Probabilities are calibrated on the reference's out-of-fold predictions, by the map that `evaluation.calibration`
chooses there. The interval is for the metric of these rows once their labels are known: labels are drawn from the
probabilities, under maps that are fitted on resamples of the reference (Poisson counts in groups of rows of about the
same probability). Rows are taken as independent given their inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from foldline.artifacts import Predictions, Task
from foldline.evaluation import per_row
from foldline.evaluation.calibration import METHODS, Map, calibrate, grouped
from foldline.evaluation.metrics import within_range
from foldline.evaluation.per_row import SMALLEST_PROBABILITY, Array
from foldline.operations.monitor_predictions.natural import Floats

RESAMPLES = 200
BLOCKS = 5
CONFIDENCE = 0.95
METRICS = ("roc_auc", "log_loss", "accuracy")
Draw = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Estimate:
    """A metric that is to be expected.

    Attributes:
        value: its expectation.
        lower, upper: interval of the metric of these rows.
    """

    value: float
    lower: float
    upper: float


class Estimator:
    """Estimates for any rows of one model, a classification.

    Args:
        label: of the reference's rows, at least 100, of each class at least one; shape (n_rows,).
        prediction: out of fold; shape (n_rows, task.outputs). In the order of time.
        seed: of the resamples.
    """

    def __init__(self, task: Task, label: Array, prediction: Array, seed: int = 0) -> None:
        self._task, self._seed = task, seed
        self.method = _method(task, label, prediction)
        random = np.random.default_rng(seed)
        self._maps = [_maps(self.method, task, label, prediction, random, output) for output in range(task.outputs)]

    def probability(self, prediction: Array, resample: int | None = None) -> Floats:
        """Calibrated probabilities of all classes; shape (n_rows, n_classes).

        Args:
            prediction: shape (n_rows, task.outputs).
            resample: of the reference, by number; the reference itself where None.
        """
        place = 0 if resample is None else resample + 1
        mapped = np.column_stack([maps[place](prediction[:, output]) for output, maps in enumerate(self._maps)])
        if self._task.kind == "binary":
            return np.column_stack([1.0 - mapped[:, 0], mapped[:, 0]])
        total = mapped.sum(axis=1, keepdims=True)
        normal: Floats = np.where(total > 0.0, mapped / np.where(total > 0.0, total, 1.0), prediction)
        return normal

    def value(self, prediction: Array) -> dict[str, float]:
        """The metrics to be expected, without intervals."""
        probability = self.probability(prediction)
        found = {name: float(value) for name, value in _means(self._task, prediction, probability).items()}
        return {"roc_auc": _area(self._task, prediction, probability)} | found

    def estimate(self, prediction: Array, confidence: float = CONFIDENCE) -> dict[str, Estimate]:
        """`roc_auc`, `log_loss` and `accuracy` of rows without labels; shape (n_rows, task.outputs), at least two."""
        expected = self.value(prediction)
        drawn: dict[str, list[float]] = {name: [] for name in METRICS}
        random = np.random.default_rng([self._seed, len(prediction)])
        score = _Score(self._task, prediction)
        for resample in range(RESAMPLES):
            probability = self.probability(prediction, resample)
            label = (random.random((len(prediction), 1)) > np.cumsum(probability, axis=1)[:, :-1]).sum(axis=1)
            for name, value in score(label).items():
                drawn[name].append(value)
        z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
        made = {}
        for name in METRICS:
            values = np.array(drawn[name])
            margin = z * float(np.std(values[np.isfinite(values)], ddof=1)) if np.isfinite(values).sum() > 1 else np.inf
            lower, upper = within_range(name, expected[name] - margin, expected[name] + margin)
            made[name] = Estimate(expected[name], lower, upper)
        return made


class _Score:
    """The metrics of the same predictions under any labels."""

    def __init__(self, task: Task, prediction: Array) -> None:
        self._named = per_row.predicted_class(task, prediction)
        said = _of_classes(task, prediction)
        self._loss = -np.log(np.clip(said, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY))
        self._ranked = [1] if task.kind == "binary" else list(range(task.outputs))
        self._ranks = {index: rankdata(said[:, index]) for index in self._ranked}

    def __call__(self, label: NDArray[np.int64]) -> dict[str, float]:
        rows = np.arange(len(label))
        areas = []
        for index in self._ranked:
            positive = label == index
            positives, negatives = int(positive.sum()), int((~positive).sum())
            if positives and negatives:
                below = float(self._ranks[index][positive].sum()) - positives * (positives + 1) / 2.0
                areas.append(below / positives / negatives)
        return {
            "roc_auc": float(np.mean(areas)) if areas else float("nan"),
            "log_loss": float(self._loss[rows, label].mean()),
            "accuracy": float((self._named == label).mean()),
        }


def real(task: Task, label: Array, prediction: Array) -> dict[str, float]:
    """The same metrics of rows with labels; `roc_auc` is NaN where all are of one class."""
    return _Score(task, prediction)(np.asarray(label).astype(np.int64))


def _means(task: Task, prediction: Array, probability: Floats) -> dict[str, float]:
    said = np.clip(_of_classes(task, prediction), SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    named = per_row.predicted_class(task, prediction)
    return {
        "log_loss": float(-(probability * np.log(said)).sum(axis=1).mean()),
        "accuracy": float(probability[np.arange(len(named)), named].mean()),
    }


def _area(task: Task, prediction: Array, probability: Floats) -> float:
    """The area under the ROC curve to be expected: of pairs of two rows, the ratio of the expected number that is
    ranked rightly to that of pairs of a positive and a negative row; mean over classes."""
    said = _of_classes(task, prediction)
    areas = []
    for index in [1] if task.kind == "binary" else range(task.outputs):
        positive, order = probability[:, index], np.argsort(said[:, index], kind="stable")
        score, yes, no = said[order, index], positive[order], 1.0 - positive[order]
        below = np.concatenate([[0.0], np.cumsum(no)])
        first, last = np.searchsorted(score, score, side="left"), np.searchsorted(score, score, side="right")
        # No row is a pair with itself.
        rightly = yes @ (below[first] + below[last]) / 2.0 - yes @ no / 2.0
        pairs = yes.sum() * no.sum() - yes @ no
        if pairs > 0.0:
            areas.append(rightly / pairs)
    return float(np.mean(areas)) if areas else float("nan")


def _of_classes(task: Task, prediction: Array) -> Floats:
    said = np.asarray(prediction, dtype=np.float64)
    return np.column_stack([1.0 - said[:, 0], said[:, 0]]) if task.kind == "binary" else said


def _method(task: Task, label: Array, prediction: Array) -> str:
    """The map that is better on blocks of the reference that it was not fitted on; `platt` where none gains, since a
    map that could leave probabilities as they are tells how sure that is."""
    block = np.arange(len(label)) * BLOCKS // len(label)
    predictions = Predictions(
        path=Path(), task=task, row_id=np.arange(len(label)), repeat=np.zeros(len(label), np.int64),
        fold=block, label=np.asarray(label, np.float32), prediction=np.asarray(prediction, np.float32), origin={},
    )  # fmt: skip
    others = {number: tuple(other for other in range(BLOCKS) if other != number) for number in range(BLOCKS)}
    chosen = calibrate(predictions, others, 1.0 / (BLOCKS - 1)).chosen
    return chosen if chosen in METHODS else "platt"


def _maps(
    method: str, task: Task, label: Array, prediction: Array, random: np.random.Generator, output: int
) -> list[Map]:
    """The map of one output, fitted on the reference, then on each resample of it."""
    positive = np.asarray(label) == (1 if task.kind == "binary" else output)
    share, mean, weight = grouped(positive, prediction[:, output])
    made = [METHODS[method](share, mean, weight)]
    for _ in range(RESAMPLES):
        yes, no = random.poisson(share * weight), random.poisson((1.0 - share) * weight)
        drawn = (yes + no) > 0
        total = (yes + no)[drawn].astype(np.float64)
        made.append(METHODS[method](yes[drawn] / total, mean[drawn], total))
    return made
