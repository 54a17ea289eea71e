"""Folds: balance, stability, and one error for each way in which a table cannot be split."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.artifacts import Dataset, Folds
from foldline.artifacts.identity import row_ids
from foldline.data.assign_folds import deal
from foldline.data.assign_folds.run import run
from foldline.errors import ArgumentError, DataError

START = datetime(2013, 1, 1)


def table(rows: int, seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "late": pa.array(random.random(rows) < 0.2),
            "size": pa.array(random.choice(["small", "medium", "large"], rows, p=[0.6, 0.3, 0.1])),
            "delay": pa.array(random.normal(0.0, 1.0, rows)),
            "tail": pa.array(random.choice([f"N{index}" for index in range(97)], rows)),
            "when": pa.array([START + timedelta(hours=int(hour)) for hour in random.integers(0, 300, rows)]),
            "one": pa.array(["same"] * rows),
        }
    )


def assign(tmp_path: Path, rows: pa.Table, name: str = "f", **arguments: Any) -> Folds:
    """Folds of `rows`; the dataset is written first."""
    folder = tmp_path / name
    time_column = arguments.pop("dataset_time", "")
    Dataset.write(
        folder / "dataset", rows, source={}, label=arguments.pop("dataset_label", "late"), time_column=time_column
    )
    return run(folder / "dataset", folder / "folds", folder / "report.html", folder / "numbers.json", **arguments)


def column(folds: Folds, rows: pa.Table, name: str) -> np.ndarray:
    """Values of a column in the order of the folds' rows."""
    ids = row_ids(rows, [])
    return np.asarray(rows[name].to_pylist())[np.argsort(ids)]


@pytest.mark.parametrize("n_folds", [2, 5, 7])
@pytest.mark.parametrize("label", ["late", "size"])
def test_stratified_folds_differ_by_at_most_one_row_in_each_class_and_in_all(
    tmp_path: Path, label: str, n_folds: int
) -> None:
    rows = table(1_003)
    folds = assign(tmp_path, rows, label=label, n_folds=n_folds)
    classes = column(folds, rows, label)
    sizes = np.bincount(folds.fold[0, ~folds.test], minlength=n_folds)
    assert np.ptp(sizes) <= 1
    for value in np.unique(classes):
        assert np.ptp(np.bincount(folds.fold[0, ~folds.test & (classes == value)], minlength=n_folds)) <= 1
    assert (folds.fold[0, folds.test] == -1).all()
    assert (folds.strategy, folds.n_folds, folds.label) == ("stratified", n_folds, label)


@given(st.integers(0, 2**32), st.permutations(range(40)))
def test_dealing_does_not_depend_on_the_order_of_rows(seed: int, order: list[int]) -> None:
    ids = np.random.default_rng(1).integers(0, 2**62, 40)
    classes, groups, times = np.arange(40) % 3, np.arange(40) % 7, np.arange(40) // 4
    hashes = np.arange(7) * 2**40
    place = np.array(order)
    assert np.array_equal(
        deal.stratified(ids, classes, 4, seed)[place], deal.stratified(ids[place], classes[place], 4, seed)
    )
    assert np.array_equal(deal.grouped(groups, hashes, 4, seed)[place], deal.grouped(groups[place], hashes, 4, seed))
    assert np.array_equal(deal.forward(times, 4)[place], deal.forward(times[place], 4))
    assert np.array_equal(deal.hold_out_latest(times, 0.2)[place], deal.hold_out_latest(times[place], 0.2))


@pytest.mark.parametrize(
    "arguments",
    [{}, {"strategy": "grouped", "group_column": "tail"}, {"label": "delay"}],
    ids=["stratified", "grouped", "plain"],
)
def test_added_rows_change_nobodys_place_in_the_hold_out(tmp_path: Path, arguments: dict[str, Any]) -> None:
    few, many = table(2_000), pa.concat_tables([table(3_000, seed=1), table(2_000)])
    before, after = assign(tmp_path, few, "few", **arguments), assign(tmp_path, many, "many", **arguments)
    place = np.searchsorted(after.row_id, before.row_id)
    assert np.array_equal(after.row_id[place], before.row_id)
    assert np.array_equal(after.test[place], before.test)
    assert 0.1 < before.test.mean() < 0.3


def test_the_hold_out_is_what_it_always_was() -> None:
    ids = np.arange(1_000) * 7_919
    assert np.flatnonzero(deal.hold_out(ids, 0.01)).tolist() == [
        51,
        150,
        325,
        435,
        504,
        553,
        558,
        598,
        623,
        663,
        756,
        791,
        827,
    ]


def test_the_seed_changes_the_folds_and_not_the_hold_out(tmp_path: Path) -> None:
    rows = table(1_000)
    one, same, other = (assign(tmp_path, rows, name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert np.array_equal(one.fold, same.fold)
    assert np.array_equal(one.test, other.test)
    assert not np.array_equal(one.fold, other.fold)
    assert 0.6 < (one.fold == other.fold)[0, ~one.test].mean() * 5 < 1.4


@pytest.mark.parametrize(
    "given", [{}, {"label": "delay"}, {"group_column": "tail"}], ids=["stratified", "plain", "grouped"]
)
def test_repeats_deal_the_same_training_rows_anew_and_the_first_is_as_without(
    tmp_path: Path, given: dict[str, str]
) -> None:
    rows = table(2_000)
    once, thrice = (assign(tmp_path, rows, f"{n}", n_folds=4, n_repeats=n, **given) for n in (1, 3))
    assert np.array_equal(once.fold[0], thrice.fold[0])
    assert np.array_equal(once.test, thrice.test)
    assert (thrice.summary()["folds"], thrice.summary()["repeats"]) == (4, 3)
    groups = column(thrice, rows, "tail")
    for repeat, fold in enumerate(thrice.fold):
        assert (fold[thrice.test] == -1).all()
        assert np.unique(fold[~thrice.test]).tolist() == list(range(4 * repeat, 4 * repeat + 4))
        assert np.ptp(np.bincount(fold[~thrice.test] % 4)) <= (1 if "group_column" not in given else 200)
        if "group_column" in given:
            assert all(len(np.unique(fold[groups == value])) == 1 for value in np.unique(groups))
        for other in range(repeat):
            assert (thrice.fold[other] % 4 == fold % 4)[~thrice.test].mean() < 0.6


def test_groups_of_different_size_are_dealt_anew_in_each_repeat() -> None:
    groups = np.repeat(np.arange(20), np.arange(10, 30))
    dealt = [deal.grouped(groups, np.arange(20) * 2**40, 4, 0, repeat) for repeat in range(3)]
    together = [one[:, None] == one for one in dealt]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (together[one] != together[other]).mean() > 0.1
    for one in dealt:
        assert np.ptp(np.bincount(one)) <= 29


def test_a_smaller_hold_out_is_part_of_a_larger_one(tmp_path: Path) -> None:
    rows = table(2_000)
    small, large = (assign(tmp_path, rows, f"{share}", test_fraction=share) for share in (0.1, 0.3))
    assert (large.test | ~small.test).all()
    assert abs(large.test.mean() - 0.3) < 0.04


def test_without_a_hold_out_every_row_is_in_a_fold(tmp_path: Path) -> None:
    folds = assign(tmp_path, table(100), test_fraction=0.0)
    assert not folds.test.any()
    assert (folds.fold >= 0).all()


def test_a_group_is_never_on_two_sides(tmp_path: Path) -> None:
    rows = table(4_000)
    folds = assign(tmp_path, rows, group_column="tail", n_folds=4)
    groups = column(folds, rows, "tail")
    for value in np.unique(groups):
        assert len(np.unique(folds.fold[0, groups == value])) == 1
    sizes = np.bincount(folds.fold[0, ~folds.test])
    assert np.ptp(sizes) <= np.bincount(np.unique(groups, return_inverse=True)[1]).max()
    assert folds.strategy == "grouped"
    assert folds.hold_out["of"] == "tail"


@given(st.lists(st.integers(1, 30), min_size=3, max_size=25), st.integers(0, 99))
def test_groups_are_balanced_within_the_size_of_the_largest(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    folds = deal.grouped(groups, np.arange(len(sizes)) * 2**40, 3, seed)
    assert np.ptp(np.bincount(folds, minlength=3)) <= max(sizes)
    assert len(np.unique(folds)) == 3


def test_forward_chaining_predicts_later_rows_from_earlier_ones(tmp_path: Path) -> None:
    rows = table(3_000)
    folds = assign(tmp_path, rows, strategy="forward_chaining", time_column="when", n_folds=4)
    times = column(folds, rows, "when")
    blocks = [times[folds.fold[0] == fold] for fold in range(5)] + [times[folds.test]]
    for earlier, later in pairwise(blocks):
        assert earlier.max() < later.min()
    sizes = [len(block) for block in blocks[:5]]
    assert max(sizes) - min(sizes) <= 2 * max(np.unique(times, return_counts=True)[1])
    assert abs(folds.test.mean() - 0.2) < 0.02
    assert folds.hold_out["method"] == "latest"
    assert folds.hold_out["depends_on"] == "the dataset's times"
    assert np.datetime64(str(folds.hold_out["from"])) == np.datetime64(blocks[5].min())


@given(st.lists(st.integers(0, 12), min_size=5, max_size=60), st.integers(2, 4))
def test_blocks_of_time_follow_each_other_and_none_is_empty(times: list[int], n_folds: int) -> None:
    moments = np.array(times)
    if len(set(times)) < n_folds + 1:
        with pytest.raises(DataError, match=rf"n_folds: expected at most {len(set(times)) - 1}"):
            deal.forward(moments, n_folds)
        return
    folds = deal.forward(moments, n_folds)
    assert sorted(set(folds.tolist())) == list(range(n_folds + 1))
    order = np.argsort(moments, kind="stable")
    assert (np.diff(folds[order]) >= 0).all()
    assert all(len(np.unique(folds[moments == moment])) == 1 for moment in moments)


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        ({"dataset_time": "when"}, True),
        ({"time_column": "when"}, True),
        ({"dataset_time": "when", "group_column": "tail"}, True),
        ({"strategy": "forward_chaining", "time_column": "when", "dataset_time": "when"}, False),
        ({}, False),
    ],
    ids=["the dataset has times", "times are named", "grouped", "forward chaining", "no times"],
)
def test_a_strategy_that_ignores_times_is_warned_of(tmp_path: Path, arguments: dict[str, Any], warned: bool) -> None:
    described: dict[str, Any] = {}
    assign(tmp_path, table(500), describe=described.update, **arguments)
    assert ("ignores them" in str(described.get("warning", ""))) == warned
    assert ("ignores them" in (tmp_path / "f" / "report.html").read_text()) == warned


@pytest.mark.parametrize(
    ("label", "task", "expected"),
    [("late", "auto", "binary"), ("size", "auto", "multiclass"), ("delay", "auto", "regression")],
)
def test_the_task_is_inferred_and_the_report_shows_the_balance(
    tmp_path: Path, label: str, task: str, expected: str
) -> None:
    described: dict[str, Any] = {}
    folds = assign(tmp_path, table(600), dataset_label="", label=label, task=task, describe=described.update)
    assert folds.task.kind == expected
    assert described == folds.summary()
    report = (tmp_path / "f" / "report.html").read_text()
    assert f'<td>0</td><td class="number">{int((folds.fold == 0).sum())}</td>' in report
    assert f'<td>test</td><td class="number">{int(folds.test.sum())}</td>' in report
    for shown in folds.task.classes or ("standard deviation",):
        assert f">{shown}</th>" in report


def test_the_report_counts_groups(tmp_path: Path) -> None:
    assign(tmp_path, table(600), group_column="tail")
    assert ">groups</th>" in (tmp_path / "f" / "report.html").read_text()


def rare(rows: pa.Table) -> pa.Table:
    """Only one row is late."""
    return rows.set_column(0, "late", pa.array([index == 5 for index in range(rows.num_rows)]))


def holed(rows: pa.Table) -> pa.Table:
    values = rows["when"].to_pylist()
    return rows.set_column(4, "when", pa.array([None, *values[1:]], pa.timestamp("us")))


SMALL = table(100)
BY_TIME = {"strategy": "forward_chaining", "time_column": "when"}


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (SMALL, {"dataset_label": ""}, r"label: expected the column to predict, .*got nothing"),
        (SMALL, {"label": "lat"}, r"label: expected a column of the dataset \('late', .*got 'lat'"),
        (SMALL, {"group_column": "tails"}, r"group_column: expected a column of the dataset .*got 'tails'"),
        (SMALL, {"time_column": "whenn"}, r"time_column: expected a column of the dataset .*got 'whenn'"),
        (SMALL, {"label": "one"}, r"label column 'one': expected at least two different values,.*only \['same'\]"),
        (SMALL, {"label": "when"}, r"label column 'when': expected numbers, text or booleans, got times"),
        (SMALL, {"task": "ranking"}, r"task: expected auto or one of"),
        (rare(SMALL), {"test_fraction": 0.0}, r"n_folds: expected at most 1, the size of class 'true' .*got 5"),
        (SMALL, {"n_folds": 1}, r"n_folds: expected at least 2, got 1"),
        (SMALL, {"n_repeats": 0}, r"n_repeats: expected at least 1, got 0"),
        (SMALL, {**BY_TIME, "n_repeats": 2}, r"n_repeats: expected 1 with forward_chaining: time has one order, got 2"),
        (SMALL, {"test_fraction": 1.0}, r"test_fraction: expected a share from 0\.0 to 0\.9, got 1\.0"),
        (SMALL, {"test_fraction": -0.1}, r"test_fraction: expected a share from 0\.0 to 0\.9, got -0\.1"),
        (SMALL, {"test_fraction": float("nan")}, r"test_fraction: expected a share"),
        (SMALL, {"strategy": "random"}, r"strategy: expected one of auto, stratified, .*got 'random'"),
        (SMALL, {"strategy": "grouped"}, r"group_column: expected a column, as the strategy is grouped"),
        (SMALL, {"strategy": "plain", "group_column": "tail"}, r"strategy: expected grouped or auto"),
        (SMALL, {"strategy": "forward_chaining"}, r"time_column: expected a column, as the strategy is forward"),
        (SMALL, {"strategy": "stratified", "label": "delay"}, r"strategy: expected plain, grouped or forward"),
        (SMALL, {"group_column": "one", "test_fraction": 0.0}, r"n_folds: expected at most 1, the number of .*'one'"),
        (SMALL, {"group_column": "one", "test_fraction": 0.9}, r"test_fraction 0\.9: expected training rows, got none"),
        (SMALL, {**BY_TIME, "time_column": "tail"}, r"time_column 'tail': expected times or whole"),
        (holed(SMALL), {**BY_TIME}, r"time_column 'when': .*got 1 rows"),
        (SMALL, {**BY_TIME, "n_folds": 500}, r"n_folds: expected at most"),
        (SMALL, {"test_fraction": 0.001}, r"test rows: expected at least one, got none"),
        (rare(SMALL), {"group_column": "tail", "n_folds": 2}, r"test rows: expected rows of at least two classes"),
        (rare(SMALL), {"group_column": "tail", "n_folds": 2, "test_fraction": 0.0},
         r"training rows of fold \d: expected rows of each class, got none of class 'true'"),
        (table(3), {"label": "delay", "task": "regression", "test_fraction": 0.0}, r"n_folds: .*at most 3"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_cannot_be_split_is_one_error(
    tmp_path: Path, rows: pa.Table, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises((ArgumentError, DataError), match=message):
        assign(tmp_path, rows, **arguments)
    assert not (tmp_path / "f" / "folds").exists()


def test_a_class_that_no_test_row_has_is_warned_of_and_one_that_is_all_they_have_is_refused(tmp_path: Path) -> None:
    rows = table(2_000)
    folds = assign(tmp_path, rows, group_column="tail")
    held_out = set(column(folds, rows, "tail")[folds.test])
    tails, sizes = rows["tail"].to_pylist(), rows["size"].to_pylist()

    def without(sizes_of_test: set[str], name: str) -> tuple[Folds, dict[str, Any]]:
        kept = [size if tail not in held_out or size in sizes_of_test else min(sizes_of_test)
                for tail, size in zip(tails, sizes, strict=True)]  # fmt: skip
        described: dict[str, Any] = {}
        changed = rows.set_column(1, "size", pa.array(kept))
        return assign(tmp_path, changed, name, label="size", group_column="tail", describe=described.update), described

    changed, described = without({"small", "medium"}, "two")
    assert set(changed.task.classes) == {"small", "medium", "large"}
    assert described["warning"] == "The test rows have no row of class 'large'."
    with pytest.raises(DataError, match="test rows: expected rows of at least two classes, got none of class 'large'"):
        without({"small"}, "one")


def test_a_label_with_missing_values_is_refused(tmp_path: Path) -> None:
    rows = table(100).set_column(0, "late", pa.array([None, *([True, False] * 50)][:100], pa.bool_()))
    with pytest.raises(DataError, match=r"label column 'late': expected a value in each row, got 1 rows without"):
        assign(tmp_path, rows)


def test_a_missing_group_is_a_group_of_its_own(tmp_path: Path) -> None:
    rows = table(2_000)
    tails = [None if index % 10 == 0 else tail for index, tail in enumerate(rows["tail"].to_pylist())]
    rows = rows.set_column(3, "tail", pa.array(tails))
    folds = assign(tmp_path, rows, group_column="tail")
    missing = np.asarray([tail is None for tail in column(folds, rows, "tail")])
    assert len(np.unique(folds.fold[0, missing])) == 1


def test_the_component_hands_every_parameter_on(tmp_path: Path) -> None:
    from kfp import dsl

    from foldline.data.assign_folds.component import assign_folds

    written = Dataset.write(tmp_path / "dataset", table(800), source={})
    artifact = dsl.Artifact(uri=str(tmp_path / "folds"))
    call: Callable[..., None] = assign_folds.python_func
    call(
        dataset=dsl.Dataset(uri=str(tmp_path / "dataset")), folds=artifact,
        report=dsl.HTML(uri=str(tmp_path / "r.html")), label="delay", task="regression", strategy="grouped", n_folds=3,
        test_fraction=0.3, seed=9, group_column="tail", time_column="when", n_repeats=2,
        fold_numbers=str(tmp_path / "numbers.json"),
    )  # fmt: skip
    folds = Folds.read(tmp_path / "folds")
    assert (folds.dataset_digest, folds.label, folds.task.kind) == (written.digest, "delay", "regression")
    assert (folds.strategy, folds.n_folds, folds.seed, folds.hold_out["fraction"]) == ("grouped", 3, 9, 0.3)
    assert (folds.hold_out["of"], len(folds.fold)) == ("tail", 2)
    assert artifact.metadata["strategy"] == "grouped"
    assert "ignores them" in artifact.metadata["warning"]
    assert json.loads((tmp_path / "numbers.json").read_text()) == list(range(6))
    assert (tmp_path / "r.html").exists()
