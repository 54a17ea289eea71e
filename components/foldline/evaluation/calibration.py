"""Whether predicted probabilities come true, and what a map of them would mend.

A fold's map is fitted on the out-of-fold predictions of other folds, so what is said of it is said of rows that it has
not seen. Several classes are mapped one against the rest and made to sum to 1 (Zadrozny and Elkan, "Transforming
classifier scores into accurate multiclass probability estimates", KDD 2002).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from foldline.artifacts import Predictions, Task
from foldline.evaluation import per_row
from foldline.evaluation.per_row import SMALLEST_PROBABILITY, Array
from foldline.evaluation.resampled import corrected_paired_test

BINS = 10
# A map is fitted on groups of rows of about the same probability; up to this many rows, on the rows.
MOST_GROUPS = 2000
NONE = "none"
Floats = NDArray[np.float64]
Map = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Bin:
    """Rows of about the same prediction.

    Attributes:
        rows: their number.
        said: mean prediction.
        happened: share of them for which it came true.
        lower, upper: interval of that share (Wilson, "Probable inference", JASA 22, 1927), rows taken as independent.
    """

    rows: int
    said: float
    happened: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Calibration:
    """Probabilities as they are and under two maps, on the rows of the folds that have others.

    Attributes:
        chosen: `none`, `platt` or `isotonic`: the lowest log loss, if it is below that of `none` by more than the
            standard error of the difference.
        figures: for each of the three `log_loss` and `brier` (mean over folds), `calibration_error` (all rows), and
            `gain` in log loss over `none` with its `gain_standard_error`, corrected as fold scores are.
        bins: for `none` and for `chosen` the rows in groups by prediction; those of the first repeat.
    """

    chosen: str
    figures: dict[str, dict[str, float]]
    bins: dict[str, list[Bin]]


def reliability(said: Array, happened: Array, confidence: float = 0.95) -> list[Bin]:
    """Rows in at most ten groups of equal size by prediction.

    Args:
        said: probability; shape (n_rows,).
        happened: 1 where it came true, else 0; shape (n_rows,).
    """
    order = np.argsort(said, kind="stable")
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    bins = []
    for group in np.array_split(order, min(BINS, len(order))):
        rows, share = len(group), float(np.mean(happened[group], dtype=np.float64))
        centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
        margin = z / (1 + z * z / rows) * float(np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)))
        lower, upper = max(0.0, centre - margin), min(1.0, centre + margin)
        bins.append(Bin(rows, float(np.mean(said[group], dtype=np.float64)), share, lower, upper))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: mean over rows of the distance between what their group says and what happens.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015. Chance
    alone makes it larger than 0: by about 0.8 sqrt(p (1 - p) / rows) in each group.
    """
    return sum(one.rows * abs(one.said - one.happened) for one in bins) / sum(one.rows for one in bins)


def confidence_of(task: Task, label: Array, prediction: Array) -> tuple[Floats, Floats]:
    """What reliability is asked of; shape (n_rows,) each: the probability of the positive class and whether a row is of
    it, or, of several classes, that of the class which is named and whether it is the row's own (Guo and others, "On
    calibration of modern neural networks", ICML 2017)."""
    if task.kind == "binary":
        return prediction[:, 0].astype(np.float64), np.asarray(label, dtype=np.float64)
    named = per_row.predicted_class(task, prediction)
    return prediction.max(axis=1).astype(np.float64), (named == np.asarray(label)).astype(np.float64)


def fit_platt(share: Floats, probability: Floats, weight: Floats) -> Map:
    """A logistic curve of the log odds of `probability`, which can leave it as it is.

    Platt, "Probabilistic outputs for support vector machines", 1999, with its targets that keep off 0 and 1.

    Args:
        share: of positive rows in each group; shape (n_groups,).
        probability: mean in each group; shape (n_groups,).
        weight: rows of each group; shape (n_groups,).
    """
    odds, positives = _log_odds(probability), share @ weight
    high, low = (positives + 1.0) / (positives + 2.0), 1.0 / (weight.sum() - positives + 2.0)
    target, weight = share * high + (1.0 - share) * low, weight / weight.sum()

    def loss(line: Floats) -> tuple[float, Floats]:
        score = line[0] * odds + line[1]
        off = weight * (expit(score) - target)
        return float(weight @ (np.logaddexp(0.0, score) - target * score)), np.array([off @ odds, off.sum()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return lambda given: expit(slope * _log_odds(given) + intercept)


def fit_isotonic(share: Floats, probability: Floats, weight: Floats) -> Map:
    """The rising line that is nearest to the shares (Zadrozny and Elkan, 2002); arguments as in `fit_platt`."""
    line = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(probability, share, weight)
    return lambda given: np.asarray(line.predict(given), dtype=np.float64)


Fit = Callable[[Floats, Floats, Floats], Map]
METHODS: dict[str, Fit] = {"platt": fit_platt, "isotonic": fit_isotonic}


def calibrate(predictions: Predictions, others: Mapping[int, Sequence[int]], test_ratio: float) -> Calibration:
    """Calibration of out-of-fold probabilities, as they are and mapped.

    Args:
        others: for each fold those whose rows its map is fitted on; at least two folds have some.
        test_ratio: as in `corrected_paired_test`.
    """
    task, label, prediction, fold = predictions.task, predictions.label, predictions.prediction, predictions.fold
    mapped = [number for number, seen in others.items() if seen]
    own = [np.flatnonzero(fold == number) for number in mapped]
    said = {NONE: [prediction[rows].astype(np.float64) for rows in own]}
    for name, fit in METHODS.items():
        fitting = [np.isin(fold, others[number]) for number in mapped]
        said[name] = [
            apply_map(task, fit, label[seen], prediction[seen], prediction[rows])
            for seen, rows in zip(fitting, own, strict=True)
        ]
    truth = [label[rows] for rows in own]
    # Reliability counts each row once, as its intervals take rows for independent.
    once = np.concatenate([predictions.repeat[rows] for rows in own]) == 0
    losses = {
        name: [float(per_row.log_loss(task, *pair).mean()) for pair in zip(truth, values, strict=True)]
        for name, values in said.items()
    }
    figures, bins = {}, {}
    for name, values in said.items():
        bins[name] = reliability(*confidence_of(task, np.concatenate(truth)[once], np.concatenate(values)[once]))
        gain = corrected_paired_test(losses[NONE], losses[name], test_ratio)
        squares = [float(per_row.brier(task, *pair).mean()) for pair in zip(truth, values, strict=True)]
        figures[name] = {
            "log_loss": float(np.mean(losses[name])),
            "brier": float(np.mean(squares)),
            "calibration_error": calibration_error(bins[name]),
            "gain": gain.difference,
            "gain_standard_error": gain.standard_error,
        }
    best = min(figures, key=lambda name: figures[name]["log_loss"])
    chosen = best if figures[best]["gain"] > figures[best]["gain_standard_error"] else NONE
    return Calibration(chosen, figures, {name: bins[name] for name in dict.fromkeys((NONE, chosen))})


def apply_map(task: Task, fit: Fit, label: Array, prediction: Array, given: Array) -> Floats:
    """The probabilities `given`, shape (n, task.outputs), under maps that are fitted on `label` and `prediction`.

    A class that has no row to fit on, or no other, keeps its probability; a row whose probabilities all become 0 keeps
    them all.
    """
    result = given.astype(np.float64)
    for output in range(task.outputs):
        positive = label == (1 if task.kind == "binary" else output)
        if positive.any() and not positive.all():
            result[:, output] = fit(*grouped(positive, prediction[:, output]))(result[:, output])
    if task.kind == "binary":
        return result
    total = result.sum(axis=1, keepdims=True)
    normal: Floats = np.where(total > 0.0, result / np.where(total > 0.0, total, 1.0), given)
    return normal


def grouped(positive: NDArray[np.bool_], probability: Array) -> tuple[Floats, Floats, Floats]:
    """Share of positives, mean probability and number of rows in groups of neighbours by probability."""
    order = np.argsort(probability, kind="stable")
    edges = np.linspace(0, len(order), min(len(order), MOST_GROUPS) + 1).astype(np.int64)
    sizes = np.diff(edges).astype(np.float64)
    shares, means = (
        np.add.reduceat(values[order].astype(np.float64), edges[:-1]) / sizes for values in (positive, probability)
    )
    return shares, means, sizes


def _log_odds(probability: Array) -> Floats:
    within = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    odds: Floats = logit(within)
    return odds
