"""Features of several columns, against NumPy and scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler, StandardScaler

from builders.feature_graphs import Fit, Table

ROWS = 201
random = np.random.default_rng(17)
FIRST = random.normal(5, 2, ROWS).astype(np.float32).astype(np.float64)
SECOND = random.integers(-3, 9, ROWS)
LARGE = 10**12 + random.integers(0, 1_000, ROWS)
WORDS = random.choice(["a", "b", "c"], ROWS)
GAPS = np.where(np.arange(ROWS) % 9 == 4, np.nan, FIRST)
TABLE: Table = {
    "first": ("float64", FIRST),
    "gaps": ("float64", GAPS),
    "second": ("int64", SECOND),
    "large": ("int64", LARGE),
    "words": ("string", ["", *WORDS[1:]]),
}
PLAIN = {"clip": None, "scale": "none"}
DERIVED: dict[str, dict[str, Any]] = {
    "difference": {"kind": "difference", "of": ["first", "second"], "clip": None},
    "small": {"kind": "difference", "of": ["large", "second"], "clip": None},
    "total": {"kind": "sum", "of": ["first", "second", "first_again"], "clip": None, "scale": "robust"},
    "holes": {"kind": "sum", "of": ["gaps", "second"], "impute": "constant", "fill_value": -1, **PLAIN},
    "ratio": {"kind": "ratio", "of": ["first", "second"], "impute": "constant", "fill_value": 0, **PLAIN},
    "pair": {"kind": "cross", "of": ["words", "second"], "buckets": 100_000},
}


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    table = TABLE | {"first_again": ("float64", FIRST)}
    return Fit(tmp_path_factory.mktemp("graph"), table, {"first": {"kind": "numeric"}}, derived=DERIVED)


def test_differences_and_sums_are_scaled_like_columns(fit: Fit) -> None:
    for name, values, scaler in (
        ("difference", FIRST - SECOND, StandardScaler()),
        ("small", (LARGE - 10**12 - SECOND).astype(np.float64), StandardScaler()),
        ("total", FIRST + SECOND + FIRST, RobustScaler(quantile_range=(25, 75))),
    ):
        wanted = scaler.fit_transform(values[:, None])[:, 0]
        np.testing.assert_allclose(fit.features[name], wanted, rtol=2e-6, atol=2e-6)


def test_a_feature_is_missing_where_an_operand_is_or_the_divisor_is_0(fit: Fit) -> None:
    wanted = np.where(np.isnan(GAPS), -1, GAPS + SECOND)
    np.testing.assert_allclose(fit.features["holes"], wanted, rtol=1e-6)
    np.testing.assert_array_equal(fit.features["holes_missing"], np.isnan(GAPS))
    assert (SECOND == 0).any()
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(fit.features["ratio"], np.where(SECOND == 0, 0, FIRST / SECOND), rtol=1e-6)
    np.testing.assert_array_equal(fit.features["ratio_missing"], SECOND == 0)


def test_a_cross_has_an_index_for_each_combination(fit: Fit) -> None:
    found = fit.features["pair"]
    assert found[0] == 0
    pairs = list(zip(WORDS[1:], SECOND[1:], strict=True))
    assert (found[1:] > 0).all()
    assert len(set(found[1:])) == len(set(pairs)) == len(set(zip(pairs, found[1:], strict=True)))


def test_a_result_that_32_bits_do_not_hold_is_missing(fit: Fit) -> None:
    table: Table = {
        name: (dtype, [3e38, 1e-38] if dtype == "float64" else ["a"] * 2 if dtype == "string" else [1, 2])
        for name, (dtype, _) in (TABLE | {"first_again": TABLE["first"]}).items()
    }
    found = fit.of(table)
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["total"].tolist()[0] == pytest.approx(fit.of({**table, "first": ("float64", [None, 1.0])})["total"][0])
