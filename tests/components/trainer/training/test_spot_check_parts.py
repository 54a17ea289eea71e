"""The parts of `spot_check`: subsets, designs, processors, processes, the verdict."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_info

from foldline.artifacts import CategoricalFeature, Layout, Task
from foldline.errors import ArgumentError, TrainingError
from foldline.evaluation.metrics import PrimaryMetric
from foldline.evaluation.resampled import corrected_paired_test
from foldline.training.processors import available_processors
from foldline.training.spot_check.designs import MOST_VALUES, codes, frequent_one_hot, one_hot
from foldline.training.spot_check.families import chosen, families
from foldline.training.spot_check.findings import sentences
from foldline.training.spot_check.problem import Score
from foldline.training.spot_check.trial import Trial
from foldline.training.spot_check.verdict import chosen_elsewhere, holm, judge
from foldline.training.spot_check.workers import Workers
from foldline.training.subsets import nested_order

LONG_S = 120.0


@pytest.mark.parametrize("rows", [3, 10, 100, 500])
def test_a_beginning_of_a_nested_order_has_every_class_in_its_share(rows: int) -> None:
    label = np.repeat([0.0, 1.0, 2.0], [700, 290, 10]).astype(np.float32)
    order = nested_order(label, Task("multiclass", ("a", "b", "c")), seed=4)
    assert np.array_equal(np.sort(order), np.arange(1000))
    counts = np.bincount(label[order[:rows]].astype(int), minlength=3)
    assert counts.min() >= 1
    assert np.abs(counts - rows * np.array([0.7, 0.29, 0.01])).max() <= 2.0


def test_a_nested_order_of_a_regression_is_random_and_repeats_by_its_seed() -> None:
    label = np.arange(1000, dtype=np.float32)
    order = nested_order(label, Task("regression"), seed=1)
    assert np.array_equal(order, nested_order(label, Task("regression"), seed=1))
    assert abs(label[order[:400]].mean() - 499.5) < 60.0


def features(rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    skewed = np.minimum(random.geometric(0.05, rows) - 1, 59)
    return {
        "numeric": random.normal(size=(rows, 2)).astype(np.float32) * 8,
        "categorical": np.column_stack([random.integers(0, 3, rows), skewed]).astype(np.int32),
    }


LAYOUT = Layout(("a", "b"), (CategoricalFeature("c", 3), CategoricalFeature("d", 60)))


def test_one_hot_columns_are_those_of_scikit_learn() -> None:
    seen, unseen = features(200, 1), features(50, 2)
    encoder = OneHotEncoder(categories=[np.arange(3), np.arange(60)], handle_unknown="ignore")
    for found, given in zip(one_hot(LAYOUT, seen, unseen), (seen, unseen), strict=True):
        wanted = encoder.fit_transform(given["categorical"]).toarray()
        assert np.array_equal(found.toarray()[:, 2:], wanted)
        assert np.array_equal(found.toarray()[:, :2].astype(np.float32), np.clip(given["numeric"], -10, 10))


def test_only_the_most_frequent_values_of_the_training_rows_get_a_column() -> None:
    seen, unseen = features(300, 1), features(50, 2)
    dense, scored = frequent_one_hot(LAYOUT, seen, unseen)
    assert dense.shape[1] == scored.shape[1] == 2 + 3 + MOST_VALUES
    kept = np.argsort(-np.bincount(seen["categorical"][:, 1], minlength=60), kind="stable")[:MOST_VALUES]
    assert np.array_equal(scored[:, 5:].any(axis=1), np.isin(unseen["categorical"][:, 1], kept))
    assert np.array_equal(codes(LAYOUT, seen, unseen)[1][:, 2:], unseen["categorical"])


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_limit_of_the_container_is_respected(files: dict[str, str], limit: int | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    present = len(os.sched_getaffinity(0))
    assert available_processors(tmp_path) == (present if limit is None else min(present, limit))


def test_a_fault_and_a_death_are_told_and_end_nothing() -> None:
    work: list[Callable[[], object]] = [
        partial(int, "7"),
        partial(int, "x"),
        partial(signal.raise_signal, signal.SIGKILL),
        partial(os._exit, 3),
        partial(int, "8"),
    ]
    with Workers(threads=1) as workers:
        ended = {one.number: one for one in workers.run(work, 1, time.monotonic() + LONG_S)}
    assert {number: one.value for number, one in ended.items()} == {0: 7, 1: None, 2: None, 3: None, 4: 8}
    assert ended[1].fault == "ValueError: invalid literal for int() with base 10: 'x'"
    assert ended[2].fault == "its process ended by signal 9; it may have been short of memory"
    assert ended[3].fault == "its process ended with status 3"


def test_the_deadline_ends_what_runs_and_the_next_work_is_done() -> None:
    with Workers(threads=1) as workers:
        began = time.monotonic()
        assert list(workers.run([partial(time.sleep, 2 * LONG_S)], 2, began + 0.5)) == []
        assert time.monotonic() - began < LONG_S
        assert [one.value for one in workers.run([partial(int, "1")], 2, time.monotonic() + LONG_S)] == [1]


def test_a_process_has_the_threads_that_it_is_given() -> None:
    with Workers(threads=1) as workers:
        # The first piece loads the libraries.
        work = [partial(chosen, [], "binary"), threadpool_info]
        *_, seen = workers.run(work, 1, time.monotonic() + LONG_S)
    assert seen.value
    assert {library["num_threads"] for library in seen.value} == {1}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_every_family_but_the_baseline_has_three_to_five_settings(kind: str) -> None:
    for family in families(kind):
        assert family.name == "dummy" or 3 <= len(family.settings) <= 5, family.name


def test_the_baseline_is_always_tried_and_a_stranger_is_named() -> None:
    assert [family.name for family in chosen(["svm", "linear"], "binary")] == ["dummy", "linear", "svm"]
    with pytest.raises(ArgumentError, match=r"families: expected some of dummy, linear, .* got 'trees'"):
        chosen(["linear", "trees"], "binary")


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_corrects_for_the_number_of_tests(given: list[float], adjusted: list[float]) -> None:
    assert holm(given) == pytest.approx(adjusted)


def test_choosing_among_noise_flatters_and_choosing_elsewhere_does_not() -> None:
    random = np.random.default_rng(3)
    tables = random.normal(size=(2000, 20, 5))
    best = np.array([table.mean(axis=1).max() for table in tables])
    elsewhere = np.array([chosen_elsewhere(table, [0] * 5) for table in tables])
    assert best.mean() > 0.7
    assert abs(elsewhere.mean()) < 4 * elsewhere.std() / np.sqrt(len(tables))


def test_folds_of_another_repeat_have_no_say() -> None:
    values = np.array([[1.0, 0.0, 9.0, 9.0], [0.0, 1.0, 0.0, 0.0]])
    # In the first repeat each setting is best on one fold, and so is chosen for the other.
    assert chosen_elsewhere(values, [0, 0, 1, 1]) == (0.0 + 0.0 + 9.0 + 9.0) / 4


def trial(family: str, setting: str, values: list[float], fault: str = "") -> Trial:
    return Trial(family, setting, [Score({"rmse": value}, 100, 1.0) for value in values], fault)


def test_the_verdict_ranks_tests_and_names_ties() -> None:
    trials = [
        trial("dummy", "mean", [9.0, 9.1, 9.2, 9.0]),
        trial("linear", "weak", [4.0, 4.1, 4.3, 4.2]),
        trial("linear", "strong", [3.0, 3.2, 3.1, 3.5]),
        trial("forest", "deep", [3.1, 3.1, 3.2, 3.2]),
        trial("svm", "broken", [], "ValueError: no"),
    ]
    verdict = judge(trials, PrimaryMetric("rmse", larger_is_better=False), 1 / 3, [0] * 4)
    order = [(row.trial.family, row.trial.setting) for row in verdict.rows]
    assert order == [("forest", "deep"), ("linear", "strong"), ("linear", "weak"), ("dummy", "mean")]
    assert verdict.best.behind == 0.0
    assert verdict.best.p_value is None
    assert [row.trial.family for row in verdict.ties] == ["linear"]
    tests = [
        corrected_paired_test(trials[3].values("rmse"), trials[index].values("rmse"), 1 / 3).p_value
        for index in (2, 1, 0)
    ]
    assert [row.p_value for row in verdict.rows[1:]] == pytest.approx(holm(tests))
    assert [row.beats_dummy for row in verdict.rows] == [True, True, True, None]
    assert verdict.chosen_elsewhere >= verdict.best.interval.value
    assert verdict.flattery == pytest.approx(verdict.chosen_elsewhere - verdict.best.interval.value)


def test_a_family_that_was_not_fitted_is_named_as_not_compared() -> None:
    trials = [
        trial("dummy", "mean", [9.0, 9.1, 9.2]),
        trial("linear", "strong", [3.0, 3.2, 3.1]),
        trial("svm", "cost 3", [], "out of time"),
    ]
    verdict = judge(trials, PrimaryMetric("rmse", larger_is_better=False), 0.5, [0] * 3)
    titles = {"dummy": "constant", "linear": "ridge", "svm": "support vector machine"}
    said = " ".join(sentences(verdict, trials, titles))
    assert "Not compared, since no setting was fitted on every fold: support vector machine." in said
    assert "Not compared" not in " ".join(sentences(verdict, trials[:2], titles))


def test_a_check_without_any_fitted_setting_names_what_happened() -> None:
    trials = [trial("dummy", "mean", [1.0, 2.0]), trial("svm", "cost 1", [], "out of time")]
    with pytest.raises(TrainingError, match=r"spot check: .* got svm, cost 1: out of time\. Name more families"):
        judge(trials, PrimaryMetric("rmse", larger_is_better=False), 1.0, [0, 0])
