"""Statistics that merge, and what is fitted to them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldline.artifacts import Column
from foldline.artifacts.dataset import DTYPES
from foldline.features import statistics
from foldline.features.calendar import (
    day_of_month,
    day_of_week,
    day_of_year,
    hour_of_day,
    minute_of_hour,
    month_of_year,
)
from foldline.features.derived import combined_columns
from foldline.features.fitted_number import FittedNumber
from foldline.features.fitted_words import FittedValues
from foldline.features.fitting import Fitted, fit
from foldline.features.labels import Labels, columns_with_labels
from foldline.features.reading import read_document
from foldline.features.specification import complete
from foldline.features.statistics import NumberStatistics, TableStatistics, collect, merge, merge_without_each

FOLDS = 4
MONDAY = datetime(2024, 1, 1)
FLOATS = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
VALUES = {
    "float64": st.one_of(st.none(), FLOATS, st.just(float("nan"))),
    "int64": st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 3)),
    "bool": st.one_of(st.none(), st.booleans()),
    "string": st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a", "b", ""])),
    "timestamp": st.one_of(st.none(), st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))),
}
KINDS = {
    "number": ("float64", {"kind": "numeric", "impute": "mean", "missing_indicator": True, "clip": None}),
    "clipped": ("float64", {"kind": "numeric", "impute": "median", "missing_indicator": True, "clip": [0.1, 0.9]}),
    "whole": ("int64", {"kind": "numeric", "missing_indicator": True}),
    "logged": (
        "float64",
        {"kind": "numeric", "impute": "none", "missing_indicator": True, "log1p": True, "clip": None},
    ),
    "ranged": (
        "float64",
        {"kind": "numeric", "missing_indicator": True, "scale": "min_max", "impute": "constant", "fill_value": 0},
    ),
    "robust": ("int64", {"kind": "numeric", "missing_indicator": True, "scale": "robust"}),
    "bucket": ("float64", {"kind": "bucketized", "quantile_buckets": 4}),
    "flag": ("bool", {"kind": "boolean", "missing_indicator": True}),
    "word": ("string", {"kind": "categorical", "capacity": 5, "minimum_count": 1}),
    "share": ("string", {"kind": "categorical", "encoding": "frequency", "capacity": 5}),
    "mean": ("string", {"kind": "categorical", "encoding": "target_mean", "capacity": 5, "minimum_count": 1}),
    "code_mean": ("int64", {"kind": "categorical", "encoding": "target_mean", "capacity": 5}),
    "code": ("int64", {"kind": "categorical", "capacity": 5, "minimum_count": 2}),
    "moment": ("timestamp", {"kind": "datetime", "parts": ["hour", "month"], "missing_indicator": True}),
}
COLUMNS = [Column(name, dtype) for name, (dtype, _) in KINDS.items()]
DERIVED = {
    "gap": {"kind": "difference", "of": ["number", "whole"], "missing_indicator": True},
    "rate": {"kind": "ratio", "of": ["number", "whole"], "missing_indicator": True, "scale": "robust"},
}
STATED = read_document(
    {"version": 1, "columns": {name: said for name, (_, said) in KINDS.items()}, "derived": DERIVED}, COLUMNS, "label"
)
TYPES = pa.schema([(column.name, DTYPES[column.dtype]) for column in COLUMNS])
# One row has each value, so that every kind can be stated whatever else is drawn.
FIRST = {
    "label": 0.5,
    "number": 1.0,
    "clipped": 1.0,
    "logged": 1.0,
    "ranged": 1.0,
    "robust": 1,
    "bucket": 1.0,
    "whole": 1,
    "flag": True,
    "word": "a",
    "share": "a",
    "mean": "a",
    "code_mean": 1,
    "code": 1,
    "moment": MONDAY,
}


def rows(least: int, most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    of_column = {name: VALUES[dtype] for name, (dtype, _) in KINDS.items()}
    of_column["logged"] = st.one_of(st.none(), st.floats(0.0, 2.0**100, width=32, allow_subnormal=False))
    row = st.fixed_dictionaries(of_column | {"label": st.floats(-8, 8, width=32)})
    return st.lists(row, min_size=least, max_size=most)


def table(of_rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: [row[name] for row in of_rows] for name in KINDS}, TYPES)


def labels(of_rows: list[dict[str, Any]]) -> Labels:
    return Labels(columns_with_labels(STATED), np.array([[row["label"]] for row in of_rows]))


def collected(of_rows: list[dict[str, Any]], fold: NDArray[np.int64]) -> dict[int, TableStatistics]:
    given = table(of_rows)
    derived = combined_columns(STATED, given, {name: dtype for name, (dtype, _) in KINDS.items()})
    return collect(given, COLUMNS, fold, labels(of_rows), derived)


def exact(found: Any) -> bytes:
    """The bits of fitted numbers."""
    if isinstance(found, dict):
        return b"|".join(str(name).encode() + exact(value) for name, value in found.items())
    if isinstance(found, (float, np.ndarray)):
        return np.asarray(found).tobytes()
    if isinstance(found, (FittedNumber, FittedValues, Fitted)):
        return b"".join(exact(value) for value in vars(found).values())
    return repr(found).encode()


@settings(max_examples=80, deadline=None)
@given(kept=rows(3, 30), changed=rows(3, 12), other=rows(3, 12))
def test_changing_any_value_in_a_fold_leaves_its_transform_bit_for_bit_the_same(
    kept: list[dict[str, Any]], changed: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    outside = [FIRST, *kept]
    fold_of_outside = np.arange(len(outside)) % (FOLDS - 1)
    fitted = []
    for inside in (changed, other):
        fold = np.r_[fold_of_outside, np.full(len(inside), FOLDS - 1)]
        by_fold = collected([*outside, *inside], fold)
        specification = complete(COLUMNS, STATED, merge(list(by_fold.values())), label="label", excluded=())
        seen = {number: by_fold[number] for number in range(FOLDS - 1)}
        without = merge_without_each(seen, columns_with_labels(STATED))
        fitted.append(exact(fit(specification, merge(list(seen.values())), without)))
    assert fitted[0] == fitted[1]


@settings(max_examples=60, deadline=None)
@given(drawn=rows(1, 40), fold=st.lists(st.integers(-1, FOLDS - 1), min_size=40, max_size=40))
def test_merged_folds_equal_the_statistics_of_all_their_rows(drawn: list[dict[str, Any]], fold: list[int]) -> None:
    folds = np.array(fold[: len(drawn)])
    parts = collected(drawn, folds)
    if not parts:
        assert (folds < 0).all()
        return
    merged = merge(list(parts.values()))
    whole = collected(drawn, np.where(folds < 0, -1, 0))[0]
    for name, found in whole.items():
        for key, value in vars(found).items():
            other = getattr(merged[name], key)
            if key in ("mean", "m2"):
                scale = float(np.abs(whole[name].values).max(initial=0.0)) ** (2 if key == "m2" else 1)
                assert abs(other - value) <= 1e-12 * (len(drawn) * scale + 1)
            elif key.endswith("label_sums"):
                np.testing.assert_allclose(other, value, rtol=1e-12, atol=1e-9)
            elif isinstance(value, np.ndarray):
                np.testing.assert_array_equal(other, value)
            else:
                assert other == value


def numbers(values: NDArray[Any], dtype: str, folds: int = 1) -> NumberStatistics:
    column = Column("x", dtype)
    found = merge(list(collect(pa.table({"x": values}), [column], np.arange(len(values)) % folds).values()))["x"]
    assert isinstance(found, NumberStatistics)
    return found


@pytest.mark.parametrize("fraction", [0.001, 0.25, 0.5, 0.9, 0.999, 1.0])
def test_quantiles_are_those_of_numpy(fraction: float) -> None:
    values = np.random.default_rng(0).integers(0, 50, 1_003)
    assert numbers(values, "int64", 5).quantile(fraction) == np.quantile(values, fraction, method="inverted_cdf")


def test_thinned_quantiles_keep_the_stated_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MOST_VALUES", 64)
    values = np.random.default_rng(1).lognormal(0, 2, 20_000).astype(np.float32).astype(np.float64)
    found = numbers(values, "float64", 4)
    assert len(found.values) <= 4 * 64
    assert found.counts.sum() == len(values)
    assert (found.values[0], found.values[-1]) == (values.min(), values.max())
    for fraction in np.linspace(0, 1, 41):
        estimate = found.quantile(fraction)
        low, high = (values < estimate).mean(), (values <= estimate).mean()
        assert low - 1 / 64 <= fraction <= high + 1 / 64


def test_whole_numbers_beyond_the_precision_of_floats_stay_apart() -> None:
    found = numbers(np.array([2**60, 2**60 + 1, 2**60 + 1]), "int64", 2)
    assert found.values.tolist() == [2**60, 2**60 + 1]
    assert found.counts.tolist() == [1, 2]


def test_moments_of_numbers_far_from_zero_keep_their_digits() -> None:
    values = np.random.default_rng(2).integers(0, 3, 9_000) + 10**12
    found = numbers(values, "int64", 6)
    assert found.mean - 1e12 == pytest.approx((values - 10**12).mean(), rel=1e-3)
    assert np.sqrt(found.m2 / found.present) == pytest.approx(values.std(), rel=1e-6)


ENDS = [(1, 1), (2, 28), (3, 1), (12, 31)]


def test_parts_of_times_are_those_of_the_calendar() -> None:
    moments = [datetime(1600, 1, 1) + timedelta(days=7 * step, hours=5 * step) for step in range(40_000)]
    moments += [datetime(year, month, day) for year in (1899, 1900, 2000, 2023, 2024) for month, day in ENDS]
    moments += [datetime(2000, 2, 29, 23, 59, 59, 999_999), datetime(1900, 2, 28), datetime(1969, 12, 31, 23)]
    times = np.array(moments, dtype="datetime64[us]").astype(np.int64)
    assert hour_of_day(times).tolist() == [moment.hour for moment in moments]
    assert day_of_week(times).tolist() == [moment.weekday() for moment in moments]
    assert month_of_year(times).tolist() == [moment.month for moment in moments]
    assert minute_of_hour(times).tolist() == [moment.minute for moment in moments]
    assert day_of_month(times).tolist() == [moment.day for moment in moments]
    assert day_of_year(times).tolist() == [moment.timetuple().tm_yday for moment in moments]


def fitted(values: Any, dtype: str, **said: Any) -> Fitted:
    column = Column("x", dtype)
    found = merge(list(collect(pa.table({"x": values}), [column], np.zeros(len(values), dtype=np.int64)).values()))
    stated = read_document({"version": 1, "columns": {"x": said}}, [column], "label")
    return fit(complete([column], stated, found, label="label", excluded=()), found)


def test_rare_values_that_clipping_would_remove_stay() -> None:
    number = fitted([0.0] * 9_999 + [7.0], "float64", kind="numeric").numbers["x"]
    assert (number.low, number.high) == (0.0, 7.0)
    assert number.factor == pytest.approx(1 / 0.07, rel=1e-3)


@pytest.mark.parametrize("scale", ["z_score", "none"])
def test_a_constant_number_is_zeros(scale: str) -> None:
    assert fitted([0.1] * 7, "float64", kind="numeric", scale=scale).numbers["x"].factor == 0.0


def test_equally_frequent_whole_numbers_are_in_the_order_of_their_text() -> None:
    assert fitted([9, 10, 9, 10, 8], "int64", kind="categorical", minimum_count=1).vocabularies["x"] == ("10", "9", "8")
