"""The parts of `diagnose_training`: the power law, the sizes, the rules and their words."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit

from foldline.artifacts import Task
from foldline.errors import DataError
from foldline.evaluation.metrics import PrimaryMetric
from foldline.training.diagnose_training.batches import Batches, recommended, sizes_beside
from foldline.training.diagnose_training.diagnosis import diagnose
from foldline.training.diagnose_training.learning_curve import LearningCurve
from foldline.training.diagnose_training.power_law import doubling
from foldline.training.diagnose_training.sizes import shares_of, with_seen_rows, with_shares
from foldline.training.fitting.rows import Rows

ROWS = np.array([1000.0, 2000.0, 4000.0, 8000.0, 16000.0])
ROC_AUC = PrimaryMetric("roc_auc", larger_is_better=True)


def law(floor: float, amount: float, exponent: float, rows: Any) -> Any:
    return floor + amount * rows**-exponent


def test_a_power_law_without_noise_is_found() -> None:
    errors = np.tile(law(0.3, 8.0, 0.5, ROWS), (5, 1))
    found = doubling(ROWS, errors, 0.25, seed=0)
    assert (found.floor, found.amount, found.exponent) == pytest.approx((0.3, 8.0, 0.5), rel=1e-6)
    assert found.gain == pytest.approx(law(0.3, 8.0, 0.5, 16000.0) - law(0.3, 8.0, 0.5, 32000.0))
    assert found.lower == pytest.approx(found.gain)
    assert found.upper == pytest.approx(found.gain)


def test_the_law_is_that_of_least_squares() -> None:
    random = np.random.default_rng(2)
    errors = law(0.4, 20.0, 0.7, ROWS) + random.normal(0.0, 0.004, size=(5, 5))
    found = doubling(ROWS, errors, 0.25, seed=0)
    limits = ([-np.inf, 0.0, 0.05], [np.inf, np.inf, 2.0])

    def scaled(rows: Any, floor: float, amount: float, exponent: float) -> Any:
        return floor + amount * (rows / ROWS[-1]) ** -exponent

    wanted, _ = curve_fit(scaled, ROWS, errors.mean(axis=0), p0=[0.4, 0.02, 0.7], bounds=limits)
    squares = [np.square(errors.mean(axis=0) - values).sum() for values in (found.at(ROWS), scaled(ROWS, *wanted))]
    # Exponents are a grid.
    assert squares[0] <= 1.1 * squares[1]


@pytest.mark.parametrize("truth", [(0.3, 8.0, 0.5), (0.0, 2.0, 0.2), (0.45, 0.0, 1.0)])
def test_the_interval_holds_the_true_gain_of_twice_the_rows(truth: tuple[float, float, float]) -> None:
    random = np.random.default_rng(5)
    gain = law(*truth, ROWS[-1]) - law(*truth, 2 * ROWS[-1])
    held = 0
    for trial in range(100):
        # Folds differ by rows that are hard at every size, and a little by size.
        folds = random.normal(0.0, 0.01, size=(5, 1)) + random.normal(0.0, 0.003, size=(5, 5))
        found = doubling(ROWS, law(*truth, ROWS) + folds, 0.25, seed=trial)
        assert 0.0 <= found.lower <= found.upper
        held += found.lower - 1e-12 <= gain <= found.upper + 1e-12
    assert held >= 90


@pytest.mark.parametrize(
    ("rows", "smallest"), [(64, 32), (100, 32), (512, 32), (10_000, 625)], ids=lambda value: str(value)
)
def test_sizes_are_evenly_spaced_and_none_is_tiny(rows: int, smallest: int) -> None:
    shares = shares_of(rows)
    assert len(shares) == 5
    assert round(shares[0] * rows) == smallest
    assert shares[-1] == 1.0
    assert np.allclose(np.diff(np.log(shares)), np.log(1 / shares[0]) / 4)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match=r"training rows of the smallest fold: expected at least 64 .* got 63"):
        shares_of(63)


@pytest.fixture
def rows() -> Rows:
    """Three folds; that of fold 2 has fewer training rows."""
    random = np.random.default_rng(1)
    positions = [np.arange(300 * index, 300 * index + 300, dtype=np.int32) for index in range(3)]
    return Rows(
        (0, 1, 2),
        {"numeric": random.normal(size=(900, 2)).astype(np.float32)},
        (random.random(900) < 0.1).astype(np.float32),
        tuple(own[:200] if index < 2 else own[:160] for index, own in enumerate(positions)),
        tuple(own[200:] for own in positions),
    )


def test_subsets_are_nested_parts_of_the_folds_own_training_rows(rows: Rows) -> None:
    sizes = with_shares(rows, Task("binary", ("no", "yes")), (0.25, 0.5, 1.0), seed=3)
    for fold in range(3):
        small, half, every = (set(size.training[fold].tolist()) for size in sizes)
        assert small < half < every
        assert np.array_equal(sizes[-1].training[fold], rows.training[fold])
        assert len(half) == round(0.5 * len(every))
        assert all(set(rows.label[size.training[fold]]) == {0.0, 1.0} for size in sizes)
        assert all(np.array_equal(size.validation[fold], rows.validation[fold]) for size in sizes)


def test_a_fold_is_also_applied_to_rows_that_it_knows(rows: Rows) -> None:
    both = with_seen_rows(rows, seed=3)
    assert both.folds == (0, 1, 2, 0, 1, 2)
    for fold in range(3):
        assert both.training[3 + fold] is rows.training[fold]
        assert both.validation[fold] is rows.validation[fold]
        assert len(both.validation[3 + fold]) == 100
        assert set(both.validation[3 + fold].tolist()) <= set(rows.training[fold].tolist())


def test_sizes_of_batches_beside_the_given_one() -> None:
    assert sizes_beside(64, 1000) == [64, 16, 32, 128, 256]
    assert sizes_beside(64, 100) == [64, 16, 32]
    assert sizes_beside(2, 100) == [2, 1, 4, 8]


def batches(size: int, values: list[float], seconds: float, kept: int = 4) -> Batches:
    return Batches(size, values, seconds, 6, kept)


GOOD, EQUAL, WORSE = [0.80, 0.82, 0.81], [0.81, 0.81, 0.80], [0.70, 0.71, 0.72]


@pytest.mark.parametrize(
    ("tried", "size"),
    [
        ([batches(64, GOOD, 1.0), batches(256, WORSE, 0.2)], 64),
        ([batches(64, GOOD, 1.0), batches(256, EQUAL, 0.2)], 256),
        ([batches(64, GOOD, 1.0, kept=2), batches(256, EQUAL, 0.5, kept=6)], 64),
        ([batches(64, WORSE, 0.1), batches(16, GOOD, 3.0)], 16),
    ],
)
def test_the_fastest_of_equals_is_recommended(tried: list[Batches], size: int) -> None:
    assert recommended(tried, ROC_AUC).size == size


def curve(constant: float, seen: float, unseen: list[float], spread: float = 0.002) -> LearningCurve:
    """A curve of five folds whose errors have these means at the sizes."""
    random = np.random.default_rng(0)
    folds = random.normal(0.0, spread, size=5)
    errors = np.array(unseen) + folds[:, None] + random.normal(0.0, spread / 10, size=(5, len(unseen)))
    scores = [[{"log_loss": float(value)} for value in size] for size in errors.T]

    def of(value: float) -> list[dict[str, float]]:
        return [{"log_loss": value + float(more)} for more in folds]

    return LearningCurve(
        metric="log_loss",
        rows=ROWS,
        scores=scores,
        epochs=[3] * 5,
        seen=of(seen),
        constant=of(constant),
        curves={"training": [seen], "validation": [unseen[-1]]},
        first_epoch=1,
        converged=True,
        doubling=doubling(ROWS, errors, 0.25, seed=0),
    )


FALLING = [0.60, 0.56, 0.53, 0.51, 0.49]
FLAT = [0.452, 0.451, 0.4505, 0.4502, 0.4501]


@pytest.mark.parametrize(
    ("given", "fit", "rows", "said"),
    [
        (curve(0.69, 0.20, FALLING), "high variance", "more rows help", "High variance: log_loss is 0.69"),
        (
            curve(0.69, 0.44, FLAT),
            "high bias or noise",
            "enough rows",
            "There are enough rows: twice the training rows",
        ),
        (curve(0.69, 0.68, [0.70] * 5), "no signal", "enough rows", "Nothing was learnt that holds on unseen rows"),
        (curve(0.69, 0.67, [0.695, 0.694, 0.693, 0.69, 0.688], 0.02), "no signal", None, "try other features"),
    ],
)
def test_the_rules_and_their_words(given: LearningCurve, fit: str, rows: str | None, said: str) -> None:
    tried = [batches(64, GOOD, 1.0), batches(256, EQUAL, 0.2)]
    found = diagnose(given, tried, ROC_AUC, 0.25)
    assert found.fit == fit
    assert rows is None or found.rows == rows
    text = " ".join(found.sentences)
    assert said in text
    assert "(32 000 instead of 16 000)" in text
    assert (
        "Batches of 256 rows instead of 64: roc_auc 0.8067 instead of 0.81, in 0.2 s an epoch instead of 1 s." in text
    )
    assert "Not converged" not in text
    assert "Not converged" in " ".join(diagnose(replace(given, converged=False), tried, ROC_AUC, 0.25).sentences)


def test_the_share_of_the_gap_is_that_of_what_training_gains() -> None:
    found = diagnose(curve(0.7, 0.5, [0.62, 0.60, 0.58, 0.565, 0.55]), [batches(64, GOOD, 1.0)], ROC_AUC, 0.25)
    assert found.gap_share == pytest.approx(0.25, abs=0.01)
    assert (found.constant - found.unseen) == pytest.approx(0.15, abs=0.003)
    assert "Batches of 64 rows are right" in " ".join(found.sentences)
