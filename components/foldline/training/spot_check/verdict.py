"""What the trials of a spot check say: the best setting, what differs from it, and how much choosing it flatters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldline.errors import TrainingError
from foldline.evaluation.metrics import PrimaryMetric
from foldline.evaluation.resampled import Interval, corrected_interval, corrected_paired_test
from foldline.training.spot_check.families import DUMMY
from foldline.training.spot_check.trial import Trial

LEVEL = 0.05


@dataclass(frozen=True)
class Row:
    """A setting that was fitted on every fold, held against the best one.

    Attributes:
        interval: of its mean score, by the corrected resampled t, 95 %.
        standard_error: sd / sqrt(folds), as `train_folds` gives it.
        behind: how much worse than the best one it is, in the metric; 0 for the best one.
        p_value: of the corrected paired test against the best one, after Holm for all settings; None for the best one.
        beats_dummy: whether it is better than the best baseline, at 5 % after Holm for all settings; None without one.
    """

    trial: Trial
    interval: Interval
    standard_error: float
    behind: float
    p_value: float | None
    beats_dummy: bool | None


@dataclass(frozen=True)
class Verdict:
    """What came of a spot check.

    Attributes:
        rows: best first.
        families: the best row of each family, best first.
        chosen_elsewhere: mean score when, for each fold, the setting is chosen on the others and scored on it.
        flattery: how much better the best setting's own mean looks than that; not below 0.
    """

    metric: PrimaryMetric
    rows: list[Row]
    chosen_elsewhere: float
    flattery: float

    @property
    def best(self) -> Row:
        return self.rows[0]

    @property
    def families(self) -> list[Row]:
        names = dict.fromkeys(row.trial.family for row in self.rows)
        return [next(row for row in self.rows if row.trial.family == name) for name in names]

    @property
    def ties(self) -> list[Row]:
        """The best rows of other families that the test cannot tell from the best."""
        return [row for row in self.families[1:] if row.p_value is not None and row.p_value >= LEVEL]


def judge(trials: Sequence[Trial], metric: PrimaryMetric, test_ratio: float, repeats: Sequence[int]) -> Verdict:
    """Compare the trials that were fitted on every fold.

    Args:
        test_ratio: as `corrected_interval` takes it.
        repeats: number of the repeat of each fold.

    Raises:
        TrainingError: no setting of any family but the baseline was fitted.
    """
    fitted = [trial for trial in trials if trial.scores]
    if all(trial.family == DUMMY for trial in fitted):
        faults = "; ".join(f"{trial.family}, {trial.setting}: {trial.fault}" for trial in trials if trial.fault)
        raise TrainingError(
            "spot check",
            expected="a setting that is fitted on every fold",
            got=faults or "only the baseline",
            fix="Name more families, raise time_budget_s, or lower rows_per_fit.",
        )
    sign = 1.0 if metric.larger_is_better else -1.0
    values = np.array([trial.values(metric.name) for trial in fitted])
    order = np.argsort(-sign * values.mean(axis=1), kind="stable")
    fitted, values = [fitted[index] for index in order], values[order]
    p_values = holm([corrected_paired_test(values[0], other, test_ratio).p_value for other in values[1:]])
    beats = _beats_dummy(fitted, sign * values, test_ratio)
    rows = [
        Row(
            trial=trial,
            interval=corrected_interval(own, test_ratio),
            standard_error=float(own.std(ddof=1) / np.sqrt(len(own))),
            behind=float(sign * (values[0] - own).mean()),
            p_value=p_value,
            beats_dummy=better,
        )
        for trial, own, p_value, better in zip(fitted, values, [None, *p_values], beats, strict=True)
    ]
    elsewhere = chosen_elsewhere(sign * values, repeats)
    return Verdict(metric, rows, sign * elsewhere, max(0.0, float(sign * values[0].mean() - elsewhere)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of several tests (Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 1979): one below a level is a rejection at that level for all tests together."""
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(len(given))
    adjusted[order] = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1.0)]


def chosen_elsewhere(values: NDArray[np.float64], repeats: Sequence[int]) -> float:
    """Mean over folds of the score in a fold of the setting that has the best mean in the other folds of its repeat.

    A setting that is chosen and scored on the same folds looks better than it is, the more so the more settings there
    are; here no fold has a say in what is scored on it.

    Args:
        values: shape (n_settings, n_folds), larger is better.
        repeats: number of the repeat of each fold. Folds of other repeats share rows with it, and have no say.
    """
    same = np.equal.outer(repeats, repeats)
    others = values @ same - values
    return float(values[others.argmax(axis=0), np.arange(values.shape[1])].mean())


def _beats_dummy(trials: Sequence[Trial], values: NDArray[np.float64], test_ratio: float) -> list[bool | None]:
    dummies = [index for index, trial in enumerate(trials) if trial.family == DUMMY]
    if not dummies:
        return [None] * len(trials)
    baseline = values[min(dummies)]
    others = [index for index, trial in enumerate(trials) if trial.family != DUMMY]
    tests = [corrected_paired_test(values[index], baseline, test_ratio) for index in others]
    one_sided = holm([test.p_value / 2 if test.difference > 0 else 1.0 - test.p_value / 2 for test in tests])
    found: list[bool | None] = [None] * len(trials)
    for index, p_value in zip(others, one_sided, strict=True):
        found[index] = p_value < LEVEL
    return found
