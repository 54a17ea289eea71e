"""The graph against scikit-learn, NumPy and the calendar, kind by kind."""

import json
import math
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from builders.feature_graphs import Fit, Table, arrow, write
from foldline.artifacts import Column, RawColumn
from foldline.artifacts.signature import tensors_from_records, tensors_from_table
from foldline.artifacts.tensor_names import tensor_names
from foldline.features.apply import AppliedTransform

ROWS = 601
random = np.random.default_rng(7)


def holes(values: NDArray[Any], share: float = 0.1) -> list[Any]:
    missing = random.random(len(values)) < share
    return [None if hole else value for value, hole in zip(values.tolist(), missing, strict=True)]


MONDAY = datetime(2024, 1, 1)
WORDS = random.choice(list("abcdefgh"), ROWS - 3, p=np.arange(1, 9) / 36)
MOMENTS = np.array([MONDAY + timedelta(hours=7 * row) for row in range(ROWS - 1)])
TABLE: dict[str, tuple[str, list[Any]]] = {
    "plain": ("float64", random.normal(3, 2, ROWS).tolist()),
    "gaps": ("float64", [float("nan"), *holes(random.normal(-50, 9, ROWS - 1))]),
    "skewed": ("float64", holes(random.lognormal(0, 2, ROWS))),
    "whole": ("int64", holes(random.integers(-1_000, 1_000, ROWS) + 10**9)),
    "raw": ("int64", holes(random.integers(0, 9, ROWS))),
    "flag": ("bool", holes(random.random(ROWS) < 0.3)),
    "word": ("string", ["", "ä b", "a/b\t", *holes(WORDS)]),
    "code": ("int64", holes(random.geometric(0.3, ROWS) * 10)),
    "moment": ("timestamp", [datetime(1950, 7, 1, 3), *holes(MOMENTS)]),
}
STATED = {
    "plain": {"kind": "numeric", "clip": None, "impute": "mean"},
    "gaps": {"kind": "numeric", "clip": None, "impute": "mean"},
    "skewed": {"kind": "numeric", "clip": [0.01, 0.95]},
    "whole": {"kind": "numeric", "clip": None},
    "raw": {"kind": "numeric", "scale": "none", "clip": None, "missing_indicator": False},
    "flag": {"kind": "boolean"},
    "word": {"kind": "categorical", "capacity": 7},
    "code": {"kind": "categorical", "minimum_count": 5},
    "moment": {"kind": "datetime", "parts": ["month", "hour", "day_of_week"]},
}
COLUMNS = [Column(name, dtype) for name, (dtype, _) in TABLE.items()]
RAW = [RawColumn(name, dtype) for name, (dtype, _) in TABLE.items()]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("graph")
    return folder, write(folder, arrow(TABLE), COLUMNS, STATED)


@pytest.fixture(scope="module")
def applied(written: tuple[Path, Any]) -> AppliedTransform:
    return AppliedTransform.load(written[0])


@pytest.fixture(scope="module")
def features(written: tuple[Path, Any], applied: AppliedTransform) -> dict[str, NDArray[Any]]:
    outputs = applied.apply(tensors_from_table(arrow(TABLE), RAW), batch_rows=100)
    assert outputs["numeric"].dtype == np.float32
    assert outputs["categorical"].dtype == np.int32
    found = {name: outputs["numeric"][:, at] for at, name in enumerate(written[1].numeric)}
    return found | {feature.name: outputs["categorical"][:, at] for at, feature in enumerate(written[1].categorical)}


def column(name: str) -> NDArray[np.float64]:
    """The raw values as the graph gets them, NaN for a missing one; shape (ROWS, 1)."""
    dtype, values = TABLE[name]
    kind = np.float32 if dtype == "float64" else np.float64
    return np.array([np.nan if value is None else value for value in values], kind).astype(np.float64)[:, None]


def test_the_outputs_are_numbers_then_indicators_then_cycles_then_indices(written: tuple[Path, Any]) -> None:
    assert written[1].numeric == (
        *("plain", "gaps", "skewed", "whole", "raw", "flag"),
        *("gaps_missing", "skewed_missing", "whole_missing", "flag_missing", "moment_missing"),
        *(f"moment_{part}_{wave}" for part in ("month", "hour", "day_of_week") for wave in ("sin", "cos")),
    )
    assert [feature.name for feature in written[1].categorical] == ["word", "code"]


@pytest.mark.parametrize("name", ["plain", "gaps", "whole"])
def test_z_scores_are_those_of_scikit_learn(features: dict[str, NDArray[Any]], name: str) -> None:
    values = column(name)
    lower_median = np.quantile(values[~np.isnan(values)], 0.5, method="inverted_cdf")
    imputer = SimpleImputer(strategy="constant", fill_value=lower_median) if name == "whole" else SimpleImputer()
    scaled = StandardScaler().fit(values).transform(imputer.fit_transform(values))[:, 0]
    np.testing.assert_allclose(features[name], scaled, rtol=2e-6, atol=2e-6)
    np.testing.assert_array_equal(features.get(f"{name}_missing", np.zeros(ROWS)), np.isnan(values[:, 0]))


def test_clipping_and_its_moments_are_those_of_numpy(features: dict[str, NDArray[Any]]) -> None:
    values = column("skewed")[:, 0]
    there = values[~np.isnan(values)]
    low, middle, high = np.quantile(there, [0.01, 0.5, 0.95], method="inverted_cdf")
    inside = np.clip(there, low, high)
    wanted = (np.clip(np.where(np.isnan(values), middle, values), low, high) - inside.mean()) / inside.std()
    np.testing.assert_allclose(features["skewed"], wanted, rtol=2e-6, atol=2e-6)


def test_an_unscaled_number_is_itself_or_the_median(features: dict[str, NDArray[Any]]) -> None:
    values = column("raw")[:, 0]
    median = np.quantile(values[~np.isnan(values)], 0.5, method="inverted_cdf")
    np.testing.assert_array_equal(features["raw"], np.where(np.isnan(values), median, values))


def test_a_boolean_is_one_zero_or_missing(features: dict[str, NDArray[Any]]) -> None:
    values = TABLE["flag"][1]
    assert features["flag"].tolist() == [float(value is True) for value in values]
    assert features["flag_missing"].tolist() == [float(value is None) for value in values]


@pytest.mark.parametrize(("name", "least", "most"), [("word", 2, 5), ("code", 5, 100)])
def test_indices_are_words_by_frequency(features: dict[str, NDArray[Any]], name: str, least: int, most: int) -> None:
    texts = ["" if value is None else str(value) for value in TABLE[name][1]]
    counts = Counter(text for text in texts if text)
    ordered = sorted(counts, key=lambda text: (-counts[text], text.encode()))
    words = [text for text in ordered if counts[text] >= least][:most]
    assert len(words) > 3
    assert len(counts) > len(words)
    wanted = [0 if not text else words.index(text) + 2 if text in words else 1 for text in texts]
    assert features[name].tolist() == wanted


def test_cycles_are_those_of_the_calendar(features: dict[str, NDArray[Any]]) -> None:
    places = {
        "month": lambda moment: (moment.month - 1) / 12,
        "hour": lambda moment: moment.hour / 24,
        "day_of_week": lambda moment: moment.weekday() / 7,
    }
    for part, place in places.items():
        for wave, function in (("sin", math.sin), ("cos", math.cos)):
            wanted = [0.0 if moment is None else function(2 * math.pi * place(moment)) for moment in TABLE["moment"][1]]
            np.testing.assert_allclose(features[f"moment_{part}_{wave}"], wanted, atol=1e-6)


def test_parts_of_times_are_ordinal_or_one_hot_where_asked_for(tmp_path: Path) -> None:
    moments = [datetime(2023, 12, 31, 5, 59), None, datetime(2024, 1, 1), datetime(2024, 12, 31, 23, 30)]
    table: Table = {"ordinal": ("timestamp", moments), "wide": ("timestamp", moments)}
    stated = {
        "ordinal": {"kind": "datetime", "parts": ["minute", "day_of_year"], "encoding": "ordinal"},
        "wide": {"kind": "datetime", "parts": ["day_of_month"], "encoding": "one_hot"},
    }
    found = Fit(tmp_path, table, stated).features
    np.testing.assert_allclose(found["ordinal_minute"], [1, 0, 0, 30 / 59], rtol=1e-6)
    np.testing.assert_allclose(found["ordinal_day_of_year"], [364 / 365, 0, 0, 1], rtol=1e-6)
    days = np.stack([found[f"wide_day_of_month_{day}"] for day in range(1, 32)], axis=1)
    np.testing.assert_array_equal(days, np.eye(31)[[30, 0, 0, 30]] * np.array([[1], [0], [1], [1]]))
    assert found["wide_missing"].tolist() == [0, 1, 0, 0]


def test_a_row_alone_has_the_features_that_it_has_among_all(applied: AppliedTransform) -> None:
    tensors = tensors_from_table(arrow(TABLE), RAW)
    together = applied.apply(tensors)
    for row in range(0, ROWS, 50):
        alone = applied.apply({name: tensor[row : row + 1] for name, tensor in tensors.items()})
        for name, output in alone.items():
            np.testing.assert_array_equal(output, together[name][row : row + 1])


def test_rows_without_any_value_and_with_unseen_values_have_features(applied: AppliedTransform) -> None:
    unseen = {"word": "never", "code": -3, "plain": 1e30, "whole": -(2**62), "moment": "0001-01-01T00:00:00"}
    outputs = applied.apply(tensors_from_records([{}, unseen], RAW))
    assert outputs["categorical"].tolist() == [[0, 0], [1, 1]]
    assert np.isfinite(outputs["numeric"]).all()


def test_no_rows_have_no_features(applied: AppliedTransform) -> None:
    outputs = applied.apply(tensors_from_table(arrow(TABLE).slice(0, 0), RAW))
    assert outputs["numeric"].shape == (0, 17)
    assert outputs["categorical"].shape == (0, 2)


def test_the_folder_has_the_layout_that_tft_reads(written: tuple[Path, Any]) -> None:
    folder = written[0]
    files = json.loads((folder / "transformed_metadata" / "asset_map").read_text())
    assert sorted(files) == ["code", "word"]
    lines = (folder / "transform_fn" / "assets" / files["word"]).read_bytes().splitlines()
    assert lines == [b"h", b"g", b"f", b"e", b"d"]
    schema = " ".join((folder / "transformed_metadata" / "schema.pbtxt").read_text().split())
    largest = max(feature.capacity for feature in written[1].categorical) - 1
    assert schema == (
        'feature { name: "numeric" type: FLOAT presence { min_fraction: 1.0 } shape { dim { size: 17 } } } '
        'feature { name: "categorical" type: INT presence { min_fraction: 1.0 } '
        f"int_domain {{ min: 0 max: {largest} is_categorical: true }} "
        "shape { dim { size: 2 } } }"
    )


def test_the_graph_has_no_signature_by_which_tft_would_misread_it(applied: AppliedTransform) -> None:
    assert len(applied.loaded.signatures) == 0


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    names = ["class", "self", "Fare (USD)", "Fare [USD]", "größe", "1st", "a/b", "a b", "", "raw", "_x", "Fare__USD_"]
    table = pa.table([pa.array([float(at), 1.0, 2.0, None]) for at in range(len(names))], names)
    columns = [Column(name, "float64") for name in names]
    stated = {name: {"kind": "numeric", "clip": None, "scale": "none"} for name in names}
    write(tmp_path, table, columns, stated)
    raw = [RawColumn(name, "float64") for name in names]
    outputs = AppliedTransform.load(tmp_path).apply(tensors_from_table(table, raw))
    assert outputs["numeric"][0, : len(names)].tolist() == [float(at) for at in range(len(names))]


def test_every_column_has_a_tensor_name_of_its_own_that_a_signature_can_carry() -> None:
    columns = ["class", "self", "Fare (USD)", "Fare [USD]", "größe", "1st", "a/b", "A_B", "", "_x", "Fare__USD_", "raw"]
    names = tensor_names(columns)
    assert names == {
        "class": "column_class",
        "self": "column_self",
        "Fare (USD)": "Fare__USD__2",
        "Fare [USD]": "Fare__USD__3",
        "größe": "gr__e",
        "1st": "column_1st",
        "a/b": "a_b_2",
        "A_B": "A_B",
        "": "column_",
        "_x": "column__x",
        "Fare__USD_": "Fare__USD_",
        "raw": "raw",
    }

    def first(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"first": tensors["column_class"]}

    specs = {name: tf.TensorSpec([None], tf.float32, name=name) for name in names.values()}
    carried = tf.function(first, input_signature=[specs]).get_concrete_function()
    assert set(carried.structured_input_signature[1] or carried.structured_input_signature[0][0]) == set(names.values())


def test_words_with_line_breaks_are_unknown_and_break_no_other_word(tmp_path: Path) -> None:
    words = ["a", "a", "b\nc", "b\nc", "d\r", "d\r", "e", "e", "once", None]
    table = pa.table({"word": words})
    columns = [Column("word", "string")]
    write(tmp_path, table, columns, {"word": {"kind": "categorical"}})
    raw = [RawColumn("word", "string")]
    outputs = AppliedTransform.load(tmp_path).apply(tensors_from_table(table, raw))
    assert outputs["categorical"][:, 0].tolist() == [2, 2, 1, 1, 1, 1, 3, 3, 1, 0]
    assert set(outputs) == {"categorical"}
