"""transform_features from artifact to artifact."""

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.disk import small_disk
from foldline.artifacts import Dataset
from foldline.errors import ArgumentError, ArtifactError, DataError, FoldlineError
from foldline.features.apply import AppliedTransform
from foldline.features.transform_features.run import run
from foldline.training.rows import TrainingTable

ROWS = 300
FOLD = np.arange(ROWS) % 6 - 1  # fold -1 holds the test rows
MONDAY = datetime(2024, 1, 1)


def columns() -> dict[str, Any]:
    random = np.random.default_rng(3)
    return {
        "distance": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(5, 2, ROWS)),
        "stops": random.integers(0, 50, ROWS),
        "express": random.random(ROWS) < 0.5,
        "carrier": random.choice(["", "AA", "B6", "UA", "rare"], ROWS, p=[0.1, 0.4, 0.3, 0.18, 0.02]).tolist(),
        "leaves": pa.array([MONDAY + timedelta(hours=5 * row) for row in range(ROWS)], pa.timestamp("us")),
    }


def changed(rows: np.ndarray, given: dict[str, Any]) -> dict[str, Any]:
    """The same columns with every value of the rows changed."""
    later = np.where(rows, np.timedelta64(11, "D") + np.timedelta64(3, "h"), np.timedelta64(0, "h"))
    words = [f"new{row}" if rows[row] else word for row, word in enumerate(given["carrier"])]
    return {
        "distance": np.where(rows, 1e6, given["distance"]),
        "stops": np.where(rows, -given["stops"] - 999, given["stops"]),
        "express": given["express"] ^ rows,
        "carrier": words,
        "leaves": pa.array(np.asarray(given["leaves"]) + later, pa.timestamp("us")),
    }


# Every kind whose features depend on what the training rows hold, some columns twice over.
WIDE = {
    "distance": {"kind": "numeric", "scale": "robust"},
    "distance_again": {"kind": "bucketized", "quantile_buckets": 5},
    "stops": {"kind": "categorical", "encoding": "target_mean"},
    "express": {"kind": "boolean"},
    "carrier": {"kind": "categorical", "encoding": "target_mean", "minimum_count": 1},
    "carrier_again": {"kind": "categorical", "encoding": "frequency", "minimum_count": 1},
    "leaves": {"kind": "datetime"},
}
MADE = {
    "gap": {"kind": "difference", "of": ["distance", "stops"]},
    "pair": {"kind": "cross", "of": ["carrier", "stops"], "buckets": 40},
}


def test_every_fold_and_all_training_rows_get_a_graph_of_the_same_shape(workshop: Any) -> None:
    dataset = workshop.dataset(columns())
    transform = workshop.transform(dataset, workshop.folds(dataset, FOLD))
    assert transform.folds == (0, 1, 2, 3, 4)
    assert [(raw.name, raw.dtype) for raw in transform.signature] == [
        ("distance", "float64"),
        ("stops", "int64"),
        ("express", "bool"),
        ("carrier", "string"),
        ("leaves", "timestamp"),
    ]
    assert transform.specification["columns"]["row"] == {"kind": "ignore", "reason": "named in exclude_columns"}
    assert transform.specification["columns"]["label"] == {"kind": "ignore", "reason": "the label"}
    assert workshop.described == {"numeric": 10, "categorical": 1, "ignored_columns": 2, "folds": 5}
    for folder in [*map(transform.fold_folder, transform.folds), transform.final_folder]:
        features = workshop.apply(transform, folder, dataset)
        assert len(features) == 11
        assert all(np.isfinite(values).all() for values in features.values())


def test_the_transforms_of_a_repeat_are_those_of_its_folds_alone(workshop: Any) -> None:
    dataset = workshop.dataset(columns())
    again = np.where(FOLD < 0, -1, (np.arange(ROWS) // 7) % 5)
    both = workshop.folds(dataset, np.stack([FOLD, np.where(again < 0, -1, again + 5)]), name="both")
    repeated = workshop.transform(dataset, both, name="of both")
    assert repeated.folds == tuple(range(10))
    for first, fold in ((0, FOLD), (5, again)):
        alone = workshop.transform(dataset, workshop.folds(dataset, fold, name=f"{first}"), name=f"of {first}")
        pairs = [(repeated.final_folder, alone.final_folder)]
        pairs += [(repeated.fold_folder(first + one), alone.fold_folder(one)) for one in range(5)]
        for folder, expected in pairs:
            features = workshop.apply(alone, expected, dataset)
            for name, values in workshop.apply(repeated, folder, dataset).items():
                # What all training rows are merged from in another order may differ by rounding.
                assert values == pytest.approx(features[name], abs=1e-5)


def test_each_transform_is_fitted_on_its_training_rows_alone(workshop: Any) -> None:
    given = columns()
    dataset = workshop.dataset(given)
    transform = workshop.transform(dataset, workshop.folds(dataset, FOLD))
    training_rows = {transform.final_folder: FOLD >= 0}
    training_rows |= {transform.fold_folder(fold): (FOLD >= 0) & (fold != FOLD) for fold in range(5)}
    for folder, rows in training_rows.items():
        features = workshop.apply(transform, folder, dataset)
        assert features["stops"][rows].mean() == pytest.approx(0, abs=1e-6)
        assert features["stops"][rows].std() == pytest.approx(1, abs=1e-6)
        counts = Counter(word for word, inside in zip(given["carrier"], rows, strict=True) if inside and word)
        words = [word for word, _ in counts.most_common()]
        assert features["carrier"].tolist() == [words.index(word) + 2 if word else 0 for word in given["carrier"]]


@pytest.mark.parametrize(("part", "stated"), [(-1, {}), (0, {}), (3, WIDE)])
def test_changing_a_part_changes_no_transform_that_was_not_fitted_on_it(
    make_workshop: Callable[[], Any], part: int, stated: dict[str, Any]
) -> None:
    """Part -1, the test rows, is in no transform; fold k is not in its own. The labels change too."""
    workshop, inside, label = make_workshop(), part == FOLD, np.arange(ROWS) // 2 % 2

    def wide(given: dict[str, Any]) -> dict[str, Any]:
        return given | {name: given[name.removesuffix("_again")] for name in stated}

    dataset = workshop.dataset(wide(columns()), label=label)
    document = {"version": 1, "columns": stated, "derived": MADE} if stated else None
    first = workshop.transform(dataset, workshop.folds(dataset, FOLD), document)
    other = workshop.dataset(wide(changed(inside, columns())), "changed", np.where(inside, 1 - label, label))
    folds = workshop.folds(other, FOLD, name="folds-of-changed")
    second = workshop.transform(other, folds, first.specification, name="of-changed")
    assert dataset.digest != other.digest
    assert second.specification == first.specification
    depending = {"gap", "distance", "stops", "stops_target_mean", "carrier_target_mean", "carrier_again_frequency"}
    for fold in range(5):
        trained = np.where(fold == FOLD, -1, FOLD)
        before = workshop.apply(first, first.fold_folder(fold), dataset, trained)
        after = workshop.apply(second, second.fold_folder(fold), dataset, trained)
        same = {name: np.array_equal(before[name], after[name]) for name in before}
        assert all(same.values()) if part in (-1, fold) else not any(same[name] for name in depending & set(same))
    final = [workshop.apply(one, one.final_folder, dataset)["distance"] for one in (first, second)]
    assert np.array_equal(*final) == (part == -1)


def test_no_row_that_is_trained_on_has_a_mean_that_its_own_label_is_in(make_workshop: Callable[[], Any]) -> None:
    workshop, label = make_workshop(), np.arange(ROWS) // 2 % 2
    of_label = []
    for name, flipped in (("one", np.zeros(ROWS, dtype=bool)), ("other", FOLD == 1)):
        dataset = workshop.dataset(columns(), name, np.where(flipped, 1 - label, label))
        stated = {"carrier": {"kind": "categorical", "encoding": "target_mean", "scale": "none"}}
        folds = workshop.folds(dataset, FOLD, name=f"folds-{name}")
        transform = workshop.transform(dataset, folds, {"version": 1, "columns": stated}, name=f"transform-{name}")
        of_label.append(workshop.apply(transform, transform.final_folder, dataset, FOLD)["carrier_target_mean"])
    same = of_label[0] == of_label[1]
    assert same[FOLD == 1].all()
    assert not same[FOLD > 1].all()


def test_rows_are_trained_on_with_the_means_of_other_folds_and_predicted_as_they_are_served(workshop: Any) -> None:
    dataset = workshop.dataset(columns(), label=np.arange(ROWS) // 2 % 2)
    stated = {"carrier": {"kind": "categorical", "encoding": "target_mean"}}
    folds = workshop.folds(dataset, FOLD)
    transform = workshop.transform(dataset, folds, {"version": 1, "columns": stated})
    table = TrainingTable.read(dataset.path, folds.path, transform.path)
    fold = table.assignment.fold[0]
    for_training = workshop.apply(transform, transform.final_folder, dataset, FOLD)["carrier_target_mean"][FOLD >= 0]
    served = workshop.apply(transform, transform.final_folder, dataset)["carrier_target_mean"][FOLD >= 0]
    checked = fold == 2
    rows, _ = table.of_all(lambda folder: AppliedTransform.load(folder).apply, checked)
    values = rows.features["numeric"][:, 0]
    np.testing.assert_array_equal(values[rows.training[0]], for_training)
    np.testing.assert_array_equal(values[rows.validation[0]], served[checked])
    assert (for_training != served).any()
    rows, _ = table.of_folds(lambda folder: AppliedTransform.load(folder).apply)
    for number in range(5):
        trained = workshop.apply(transform, transform.fold_folder(number), dataset, np.where(number == FOLD, -1, FOLD))
        values = trained["carrier_target_mean"][FOLD >= 0]
        found = rows.features["numeric"][:, 0]
        np.testing.assert_array_equal(found[rows.training[number]], values[fold != number])
        np.testing.assert_array_equal(found[rows.validation[number]], values[fold == number])


def test_columns_that_only_others_are_made_of_are_taken_raw_and_are_no_features(workshop: Any) -> None:
    dataset = workshop.dataset(columns())
    document = {"version": 1, "columns": {"express": {"kind": "boolean"}}, "derived": MADE}
    transform = workshop.transform(dataset, workshop.folds(dataset, FOLD), document)
    assert {raw.name for raw in transform.signature} == {"express", "distance", "stops", "carrier"}
    assert transform.layout.numeric == ("express", "gap", "gap_missing")
    assert [(feature.name, feature.capacity) for feature in transform.layout.categorical] == [("pair", 41)]
    gap = columns()["distance"] - columns()["stops"]
    seen = (FOLD >= 0) & ~np.isnan(gap)
    found = workshop.apply(transform, transform.final_folder, dataset)["gap"]
    assert np.corrcoef(found[seen], gap[seen])[0, 1] == pytest.approx(1, abs=1e-3)


def test_a_fold_of_forward_chaining_sees_only_earlier_folds(workshop: Any) -> None:
    random = np.random.default_rng(0)
    order = np.repeat(np.arange(5), 60) - 1
    dataset = workshop.dataset({"stops": random.integers(0, 50, ROWS) + 100 * order})
    transform = workshop.transform(dataset, workshop.folds(dataset, order, forward=True))
    assert transform.folds == (1, 2, 3)
    for fold in transform.folds:
        stops = workshop.apply(transform, transform.fold_folder(fold), dataset)["stops"]
        assert stops[(order >= 0) & (order < fold)].mean() == pytest.approx(0, abs=1e-6)
    stops = workshop.apply(transform, transform.final_folder, dataset)["stops"]
    assert stops[order >= 0].mean() == pytest.approx(0, abs=1e-6)


def test_a_column_that_only_one_fold_has_is_zeros_in_that_folds_transform(workshop: Any) -> None:
    inside = FOLD == 2
    when = columns()["leaves"].to_pylist()
    given = {
        "anchor": np.arange(ROWS) % 7 * 0.5,
        "number": [float(row) if inside[row] else None for row in range(ROWS)],
        "constant": np.where(inside, np.arange(ROWS), 5.0),
        "flag": pa.array([bool(row % 4) if inside[row] else None for row in range(ROWS)], pa.bool_()),
        "when": pa.array([when[row] if inside[row] else None for row in range(ROWS)], pa.timestamp("us")),
        "word": [f"w{row % 4}" if inside[row] else None for row in range(ROWS)],
    }
    dataset = workshop.dataset(given)
    transform = workshop.transform(dataset, workshop.folds(dataset, FOLD))
    without = workshop.apply(transform, transform.fold_folder(2), dataset)
    others = workshop.apply(transform, transform.fold_folder(1), dataset)
    assert list(without) == list(others)
    for name in without:
        if name not in ("anchor", "word"):
            assert not without[name].any(), name
        assert others[name].any(), name
    assert set(without["word"]) == {0, 1}


def test_the_files_of_the_dataset_are_read_once(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = workshop.dataset(columns())
    folds = workshop.folds(dataset, FOLD)
    read: Counter[str] = Counter()
    really = pq.read_table

    def counting(source: Any, *arguments: Any, **keywords: Any) -> pa.Table:
        read[Path(source).parent.name] += 1
        return really(source, *arguments, **keywords)

    monkeypatch.setattr(pq, "read_table", counting)
    workshop.transform(dataset, folds)
    assert read["data"] == len(list((dataset.path / "data").iterdir()))


def test_the_report_shows_columns_reasons_differences_and_the_specification(workshop: Any) -> None:
    dataset = workshop.dataset(columns() | {"ident": [f"id{row}" for row in range(ROWS)]})
    workshop.transform(dataset, workshop.folds(dataset, FOLD))
    page = (workshop.folder / "report.html").read_text()
    for text in ("distance", "z_score", "an identifier: 250 different texts", "fold-4", "&quot;version&quot;: 1"):
        assert text in page


@pytest.mark.parametrize(
    ("specification", "exclude", "message"),
    [
        ("numeric", [], "specification: expected a mapping"),
        ({"version": 1.0, "columns": {"stops": {"kind": "tree"}}}, [], "column 'stops', key 'kind'.*got 'tree'"),
        ({"version": 1.0, "columns": {"speed": {"kind": "numeric"}}}, [], "column 'speed'.*no such column"),
        (
            {"version": 1, "columns": {"express": {"kind": "boolean"}}, "derived": MADE},
            ["distance"],
            "derived column 'gap', key 'of': expected no column of exclude_columns, got 'distance'",
        ),
        ({}, ["speed"], "exclude_columns: expected columns of the dataset.*got 'speed'"),
    ],
)
def test_arguments_that_do_not_fit_the_dataset_are_rejected(
    workshop: Any, specification: Any, exclude: list[str], message: str
) -> None:
    dataset = workshop.dataset(columns())
    with pytest.raises(ArgumentError, match=message):
        workshop.transform(dataset, workshop.folds(dataset, FOLD), specification, tuple(exclude))
    assert not (workshop.folder / "transform").exists()


@pytest.mark.parametrize("row", [0, 1], ids=["in a test row", "in a training row"])
def test_infinite_numbers_are_rejected_by_column(workshop: Any, row: int) -> None:
    given = columns()
    given["distance"][row] = np.inf
    dataset = workshop.dataset(given)
    folds = workshop.folds(dataset, FOLD)
    with pytest.raises(DataError, match=r"column 'distance'.*got 1 infinite"):
        workshop.transform(dataset, folds)
    transform = workshop.transform(dataset, folds, exclude_columns=("row", "distance"))
    assert "distance" not in transform.layout.numeric


def test_a_number_too_large_for_the_tensors_is_rejected_as_infinite(workshop: Any) -> None:
    given = columns()
    given["distance"][7] = 1e39
    dataset = workshop.dataset(given)
    with pytest.raises(DataError, match=r"column 'distance'.*3.4e38.*got 1 infinite or larger"):
        workshop.transform(dataset, workshop.folds(dataset, FOLD))


def test_a_table_without_a_usable_column_is_rejected_with_each_reason(workshop: Any) -> None:
    dataset = workshop.dataset({"empty": pa.array([None] * ROWS, pa.float64()), "same": [1] * ROWS})
    with pytest.raises(DataError, match=r"at least one column.*empty: no values.*same: the same value.*row: named"):
        workshop.transform(dataset, workshop.folds(dataset, FOLD))


def test_folds_of_another_dataset_are_rejected(workshop: Any) -> None:
    dataset = workshop.dataset(columns())
    other = workshop.dataset({"stops": np.arange(ROWS)}, "other")
    with pytest.raises(ArtifactError, match=r"dataset_digest"):
        workshop.transform(dataset, workshop.folds(other, FOLD))


def test_an_edited_dataset_is_rejected(workshop: Any) -> None:
    dataset = workshop.dataset(columns())
    folds = workshop.folds(dataset, FOLD)
    other = Dataset.read(workshop.dataset(changed(FOLD == 0, columns()), "changed").path)
    shutil.copy(other.path / "data" / "part-00000.parquet", dataset.path / "data" / "part-00000.parquet")
    with pytest.raises(ArtifactError, match=r"part-00000.parquet"):
        run(
            str(dataset.path),
            str(folds.path),
            str(workshop.folder / "transform"),
            str(workshop.folder / "report.html"),
            specification={},
            exclude_columns=[],
            describe=workshop.described.update,
        )


@pytest.mark.parametrize("kibibytes", [4, 64])
def test_a_full_disk_is_an_error_that_says_so(workshop: Any, kibibytes: int) -> None:
    dataset = workshop.dataset(columns())
    folds = workshop.folds(dataset, FOLD)
    with (
        small_disk(workshop.folder / "disk", kibibytes),
        pytest.raises(FoldlineError, match=r"disk of .*: expected room .*No space left on device"),
    ):
        workshop.transform(dataset, folds, name="disk/transform")
