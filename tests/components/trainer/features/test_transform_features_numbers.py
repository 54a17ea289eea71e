"""Numbers: filled, scaled and bucketized, against scikit-learn."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, MinMaxScaler, RobustScaler, StandardScaler

from builders.feature_graphs import Fit
from foldline.artifacts import Column
from foldline.errors import DataError
from foldline.features.reading import read_document
from foldline.features.specification import complete
from foldline.features.statistics import collect

ROWS = 601  # the quartiles are values that occur
random = np.random.default_rng(11)
AMOUNT = random.lognormal(3, 1, ROWS).astype(np.float32).astype(np.float64)
HOLES = np.where(np.arange(ROWS) % 7 == 3, np.nan, AMOUNT)
TENTHS = random.integers(0, 11, ROWS) / 10
PLAIN = {"kind": "numeric", "clip": None}
STATED: dict[str, dict[str, Any]] = {
    "min_max": PLAIN | {"scale": "min_max"},
    "robust": PLAIN | {"scale": "robust"},
    "log": PLAIN | {"log1p": True},
    "log_min_max": PLAIN | {"log1p": True, "scale": "min_max"},
    "log_clipped": {"kind": "numeric", "log1p": True, "scale": "none", "clip": [0.1, 0.9]},
    "constant": PLAIN | {"impute": "constant", "fill_value": -3, "scale": "min_max"},
    "left": PLAIN | {"impute": "none", "scale": "z_score"},
    "quantiles": {"kind": "bucketized", "quantile_buckets": 8},
    "wide": {"kind": "bucketized", "quantile_buckets": 4, "encoding": "one_hot"},
    "edges": {"kind": "bucketized", "edges": [0.3, 0.7]},
    "whole": {"kind": "bucketized", "edges": [2.5, 4]},
}
TABLE: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("min_max", "robust", "log", "log_min_max", "log_clipped", "wide"), ("float64", AMOUNT)),
    **dict.fromkeys(("constant", "left", "quantiles"), ("float64", HOLES)),
    "edges": ("float64", TENTHS),
    "whole": ("int64", [None, *(np.arange(ROWS - 1) % 7)]),
}


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    return Fit(tmp_path_factory.mktemp("graph"), TABLE, {name: STATED[name] for name in TABLE})


def column(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, None]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("min_max", MinMaxScaler().fit_transform(column(AMOUNT))),
        ("robust", RobustScaler().fit_transform(column(AMOUNT))),
        ("log", StandardScaler().fit_transform(FunctionTransformer(np.log1p).transform(column(AMOUNT)))),
        ("log_min_max", MinMaxScaler().fit_transform(np.log1p(column(AMOUNT)))),
        (
            "constant",
            MinMaxScaler()
            .fit(column(HOLES))
            .transform(SimpleImputer(strategy="constant", fill_value=-3.0).fit_transform(column(HOLES))),
        ),
        ("left", StandardScaler().fit_transform(column(HOLES))),
    ],
)
def test_numbers_are_those_of_scikit_learn(fit: Fit, name: str, wanted: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(fit.features[name], wanted[:, 0], rtol=2e-6, atol=2e-6)


def test_the_logarithm_is_taken_after_clipping(fit: Fit) -> None:
    low, high = np.quantile(AMOUNT, [0.1, 0.9], method="inverted_cdf")
    np.testing.assert_allclose(fit.features["log_clipped"], np.log1p(np.clip(AMOUNT, low, high)), rtol=2e-6)


@pytest.mark.parametrize(("name", "buckets"), [("quantiles", 8), ("wide", 4)])
def test_quantile_buckets_are_those_of_scikit_learn(fit: Fit, name: str, buckets: int) -> None:
    values = HOLES if name == "quantiles" else AMOUNT
    there = ~np.isnan(values)
    bins = KBinsDiscretizer(buckets, encode="ordinal", strategy="quantile", quantile_method="inverted_cdf")
    wanted = np.zeros(ROWS, dtype=np.int64)
    wanted[there] = 1 + bins.fit_transform(column(values[there]))[:, 0].astype(np.int64)
    if name == "wide":
        found = np.stack([fit.features[f"wide_index_{index}"] for index in range(buckets + 1)], axis=1)
        np.testing.assert_array_equal(found, np.eye(buckets + 1)[wanted])
    else:
        np.testing.assert_array_equal(fit.features[name], wanted)


def test_a_value_on_an_edge_is_in_the_bucket_above_though_floats_travel_in_32_bits(fit: Fit) -> None:
    assert fit.features["edges"].tolist() == [1 + (tenth >= 0.3) + (tenth >= 0.7) for tenth in TENTHS]
    whole = TABLE["whole"][1]
    assert fit.features["whole"].tolist() == [0 if one is None else 1 + (one >= 3) + (one >= 4) for one in whole]


def test_unseen_and_missing_values_have_features_of_the_same_shape(fit: Fit) -> None:
    strange = {name: (dtype, [-1e9, 1e9, None]) for name, (dtype, _) in TABLE.items()}
    found = fit.of(strange)
    assert [len(values) for values in found.values()] == [3] * len(found)
    for name, values in found.items():
        assert np.isfinite(values).tolist() == [True, True, name != "left"], name
    assert found["quantiles"].tolist() == [1, 8, 0]
    assert found["log"][0] == pytest.approx((0 - np.log1p(AMOUNT).mean()) / np.log1p(AMOUNT).std(), rel=1e-5)


def completed(values: list[Any], **said: Any) -> None:
    columns = [Column("x", "float64")]
    found = collect(pa.table({"x": values}), columns, np.zeros(len(values), dtype=np.int64))[0]
    stated = read_document({"version": 1, "columns": {"x": {"kind": "numeric", **said}}}, columns, "label")
    complete(columns, stated, found, label="label", excluded=())


def test_logarithms_of_negative_numbers_are_rejected_by_column_and_key() -> None:
    with pytest.raises(DataError, match=r"column 'x', key 'log1p': expected no negative.*got 2, the smallest -2"):
        completed([1.0, -2.0, -0.5], log1p=True)
