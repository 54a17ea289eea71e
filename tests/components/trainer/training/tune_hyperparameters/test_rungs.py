"""The course of a search: what is proposed, what is trained, what is known after it was killed anywhere."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builders.search_pool import FOLDS, Formula, KilledError, defined, noisy, search
from foldline.errors import TrainingError
from foldline.training.search import choice, fields
from foldline.training.search.fold_result import FoldResult
from foldline.training.search.trial import COMPLETED, FAILED, NOT_FINITE, OUT_OF_MEMORY, STOPPED, TIME_OUT
from foldline.training.tune_hyperparameters.pool import Reply, Request
from foldline.training.tune_hyperparameters.rungs import shared_out
from foldline.training.tune_hyperparameters.study import Study
from foldline.training.tune_hyperparameters.trial import Trial

BUDGET = {"trials": 11, "parallel_trials": 4}
LINE = {"type": "float", "low": 0, "high": 1}
PLANE = {"x": LINE, "y": {"type": "float", "low": 1e-3, "high": 1, "log": True}}
MIXED = {
    **PLANE,
    "n": {"type": "int", "low": 2, "high": 8, "step": 2},
    "kind": {"type": "choice", "values": ["a", ["b"], {"c": 1}]},
    "z": {**LINE, "when": {"parameter": "kind", "in": ["a"]}},
}
STEPS = {
    "x": {"type": "float", "low": 0, "high": 1, "step": 0.25},
    "kind": {"type": "choice", "values": ["a", "b"]},
    "z": {"type": "int", "low": 1, "high": 2, "when": {"parameter": "kind", "in": ["a"]}},
}
SEARCHES = {
    "random": {"space": MIXED, "algorithm": {"name": "random"}},
    "tpe": {"space": MIXED, "algorithm": {"name": "tpe", "startup_trials": 3}},
    "multivariate-tpe": {"space": MIXED, "algorithm": {"name": "multivariate-tpe", "startup_trials": 3}},
    "cmaes": {"space": PLANE, "algorithm": {"name": "cmaes"}},
    "sobol": {"space": PLANE, "algorithm": {"name": "sobol"}},
    "gp": {"space": PLANE | {"kind": MIXED["kind"]}, "algorithm": {"name": "gp", "startup_trials": 4}},
    "grid": {"space": STEPS, "algorithm": {"name": "grid"}},
    "halving": {"space": MIXED, "algorithm": {"name": "halving"}},
    "hyperband": {"space": MIXED, "algorithm": {"name": "hyperband"}},
    "worst fold": {"space": MIXED, "stopping": {"rule": "worst_fold"}},
    "further": {"space": PLANE, "further_objectives": [{"metric": "parameters"}]},
    "constraint": {"space": PLANE, "constraints": [{"metric": "parameters", "at_most": 500}]},
}


def score(point: dict[str, Any], fold: int) -> FoldResult:
    return FoldResult(noisy(point, fold), {"parameters": 1000 * point["x"]}, 3, 1.0)


@pytest.mark.parametrize(
    ("sizes", "places", "shared"),
    [
        ([8], 1, [8]),
        ([8], 2, [4, 4]),
        ([8], 3, [2, 2, 4]),
        ([5, 1], 3, [1, 2, 3]),
        ([1], 4, [1]),
        ([2, 2, 2], 2, [2, 2, 2]),
        ([], 2, []),
    ],
)
def test_groups_are_halved_while_a_process_would_have_none(sizes: list[int], places: int, shared: list[int]) -> None:
    trials = [[Trial(number, {}, "") for number in range(size)] for size in sizes]
    found = shared_out(trials, places)
    assert sorted(len(group) for group in found) == shared
    assert sum(shared) == sum(sizes)


def told(study: Study) -> list[Any]:
    """What of the trials does not depend on the time."""
    return [
        (one.number, one.parameters, one.state, one.fold_values, one.same_as, one.failure) for one in study.records()
    ]


@pytest.mark.parametrize("name", SEARCHES)
def test_as_many_trials_as_asked_each_point_of_the_space_and_the_best_with_all_folds(name: str, tmp_path: Path) -> None:
    definition = defined(budget=BUDGET, **SEARCHES[name])
    pool = Formula(score)
    study = search(tmp_path, definition, pool)
    records = study.records()
    assert len(records) == 11
    for record in records:
        assert definition.space.point(record.parameters, "point", whole=True) == record.parameters
        assert record.state == (COMPLETED if len(record.fold_values) == 5 else STOPPED)
        assert list(record.fold_values) == list(FOLDS)[: len(record.fold_values)]
    assert len({fields.text_of(record.parameters) for record in records}) == 11
    assert max(Counter(pool.trained).values()) == 1
    best = choice.usable(records, definition)[0]
    assert len(best.fold_values) == 5
    if name in ("tpe", "halving"):
        assert len(pool.trained) < 0.75 * 11 * 5


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_that_is_killed_again_and_again_ends_as_one_that_never_was(name: str, tmp_path: Path) -> None:
    definition = defined(budget=BUDGET, **SEARCHES[name])
    whole = Formula(score)
    expected = told(search(tmp_path / "whole", definition, whole))
    trained: list[tuple[str, int]] = []
    study = None
    while study is None:
        pool = Formula(score, answers=4)
        try:
            study = search(tmp_path / "killed", definition, pool)
        except KilledError:
            with (tmp_path / "killed" / "search" / "journal.jsonl").open("ab") as journal:
                journal.write(b'{"op_code": 8, "worker_id"')
        trained += pool.trained
    assert told(study) == expected
    assert sorted(trained) == sorted(whole.trained)


def test_a_trial_that_was_being_proposed_when_the_process_ended_is_begun_again(tmp_path: Path) -> None:
    definition = defined(budget=BUDGET, **SEARCHES["tpe"], try_first=[{"x": 0.5}])
    with pytest.raises(KilledError):
        search(tmp_path, definition, Formula(score, answers=2))
    journal = tmp_path / "search" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    # Without its last parameters, its point, and all that came after.
    cut = next(index for index, line in enumerate(lines) if '"point"' in line)
    for kept in range(cut - 4, cut + 1):
        journal.write_text("".join(lines[:kept]))
        study = search(tmp_path, definition, Formula(score))
        records = study.records()
        assert [one.number for one in records] == list(range(11))
        assert records[0].parameters["x"] == 0.5


def test_a_point_that_is_proposed_again_is_answered_from_memory(tmp_path: Path) -> None:
    space = {"kind": {"type": "choice", "values": ["a", "b", "c"]}}
    definition = defined(space=space, budget={"trials": 12, "parallel_trials": 4}, algorithm={"name": "random"})
    pool = Formula(lambda point, fold: {"a": 0.5, "b": 0.6, "c": 0.7}[point["kind"]])
    records = search(tmp_path, definition, pool).records()
    assert len(records) == 12
    assert max(Counter(pool.trained).values()) == 1
    again = [record for record in records if record.same_as is not None]
    assert len(again) == 9
    for record in again:
        first = records[record.same_as or 0]
        assert (record.parameters, record.fold_values, record.state) == (
            first.parameters,
            first.fold_values,
            first.state,
        )
        assert record.seconds == 0.0


def test_a_grid_tries_every_point_once_also_beside_points_that_are_tried_first(tmp_path: Path) -> None:
    definition = defined(
        space=STEPS, algorithm={"name": "grid"}, budget={"trials": 100, "parallel_trials": 8},
        try_first=[{"x": 0.5, "kind": "b"}],
    )  # fmt: skip
    records = search(tmp_path, definition, Formula(noisy)).records()
    assert len(records) == 15
    assert len({fields.text_of(record.parameters) for record in records}) == 15
    assert records[0].parameters == {"kind": "b", "x": 0.5}


def test_samplers_that_learn_find_the_hill_where_random_points_do_not(tmp_path: Path) -> None:
    space = dict.fromkeys("uvwx", LINE)
    budget = {"trials": 48, "parallel_trials": 6}

    def hill(point: dict[str, float], fold: int) -> float:
        return 1.0 - sum((value - 0.7) ** 2 for value in point.values()) + 0.001 * fold

    def found(name: str) -> float:
        definition = defined(space=space, budget=budget, algorithm={"name": name}, stopping={"rule": "none"})
        study = search(tmp_path / name, definition, Formula(hill))
        return choice.usable(study.records(), definition)[0].value(definition)

    scores = {name: found(name) for name in ("random", "tpe", "multivariate-tpe", "cmaes", "gp")}
    assert all(scores[name] > scores["random"] for name in scores if name != "random"), scores
    assert min(scores["cmaes"], scores["gp"]) > 0.97


def test_trials_that_fail_are_told_apart_and_end_the_search_only_beyond_the_share_allowed(tmp_path: Path) -> None:
    def fails(point: dict[str, Any], fold: int) -> FoldResult:
        if point["x"] > 0.5:
            return FoldResult.failed(NOT_FINITE, "the loss is NaN", 1.0)
        return FoldResult(noisy(point, fold), seconds=1.0)

    given: dict[str, Any] = {"budget": {"trials": 16, "parallel_trials": 4}, "algorithm": {"name": "sobol"}}
    definition = defined(**given, failures_allowed=0.6)
    records = search(tmp_path / "allowed", definition, Formula(fails)).records()
    failed = [record for record in records if record.state == FAILED]
    assert len(records) == 16
    assert {record.failure for record in failed} == {NOT_FINITE}
    assert all(record.message == "fold 0: the loss is NaN" and record.parameters["x"] > 0.5 for record in failed)
    with pytest.raises(TrainingError, match=r"at most 10% that fail, got \d of 4 \(\d not_finite\).*the loss is NaN"):
        search(tmp_path / "not", defined(**given, failures_allowed=0.1), Formula(fails))


class Together(Formula):
    """Trains all trials as one program, and notes how many these are."""

    def __init__(self) -> None:
        super().__init__(noisy)
        self.stacks: list[tuple[int, int]] = []

    def replies(self, requests: Sequence[Request], ended: Callable[[], bool]) -> Iterator[Reply]:
        for request, reply in zip(requests, super().replies(requests, ended), strict=True):
            if request.content["do"] == "together":
                yield replace(reply, content={"groups": [list(range(len(request.content["points"])))]})
            else:
                self.stacks.append((request.content["fold"], len(request.content["points"])))
                yield reply


def test_all_trials_that_live_are_one_program_on_the_next_fold(tmp_path: Path) -> None:
    pool = Together()
    search(tmp_path, defined(budget={"trials": 8, "parallel_trials": 8}), pool)
    assert pool.stacks == [(0, 8), (1, 4), (2, 2), (3, 2), (4, 1)]


class Losing(Formula):
    """Trains all trials as one program, and loses every process after six seconds."""

    def __init__(self, failure: str) -> None:
        super().__init__(noisy)
        self._failure = failure
        self.limits: list[float | None] = []

    def replies(self, requests: Sequence[Request], ended: Callable[[], bool]) -> Iterator[Reply]:
        for number, request in enumerate(requests):
            if request.content["do"] == "together":
                yield Reply(number, {"groups": [list(range(len(request.content["points"])))]}, "here", 0.0)
            else:
                self.limits.append(request.limit_s)
                yield Reply(number, {}, "here", 6.0, self._failure, "its process is gone")


@pytest.mark.parametrize(
    ("failure", "seconds", "limits"),
    # What takes too long is not tried again; what dies is, each trial alone.
    [(TIME_OUT, 1.5, [20.0]), (OUT_OF_MEMORY, 6.0, [20.0, 5.0, 5.0, 5.0, 5.0])],
)
def test_a_trial_whose_process_is_lost_has_taken_its_share_of_the_time_until_then(
    failure: str, seconds: float, limits: list[float], tmp_path: Path
) -> None:
    budget = {"trials": 4, "parallel_trials": 4, "trial_s": 5}
    definition = defined(budget=budget, failures_allowed=1.0)
    pool = Losing(failure)
    records = search(tmp_path, definition, pool).records()
    assert pool.limits == limits
    assert [(one.state, one.failure, one.seconds) for one in records] == [(FAILED, failure, seconds)] * 4
    journal = (tmp_path / "search" / "journal.jsonl").read_text()
    assert journal.count(f'"seconds":{seconds}') == 4


def test_a_goal_that_is_reached_ends_the_search(tmp_path: Path) -> None:
    definition = defined(budget={"trials": 100, "parallel_trials": 4}, objective={"metric": "roc_auc", "goal": 0.8})
    records = search(tmp_path, definition, Formula(noisy)).records()
    assert len(records) < 100
    assert any(definition.objective.reached(record.value(definition)) for record in records)


def test_a_budget_of_time_that_is_spent_abandons_what_lives_and_a_longer_one_goes_on_with_it(tmp_path: Path) -> None:
    definition = defined(budget=BUDGET)
    with pytest.raises(KilledError):
        search(tmp_path, definition, Formula(noisy, answers=5))
    pool = Formula(noisy)
    records = search(tmp_path, definition, pool, limit_s=1e-9).records()
    assert len(records) == 4
    assert pool.trained == []
    assert "abandoned" in {record.state for record in records}
    assert len(search(tmp_path, definition, Formula(noisy)).records()) == 11


def test_an_earlier_search_steers_and_is_no_part_of_the_result(tmp_path: Path) -> None:
    definition = defined(budget=BUDGET, algorithm={"name": "tpe", "startup_trials": 5})
    earlier = [({"x": 0.7 + 0.001 * index}, [0.95]) for index in range(5)]
    earlier += [({"x": 0.05 * index}, [0.5]) for index in range(10)]
    records = search(tmp_path, definition, Formula(noisy), earlier=earlier).records()
    assert [record.number for record in records] == list(range(11))
    near = sum(abs(record.parameters["x"] - 0.7) < 0.15 for record in records)
    assert near >= 7
    again = search(tmp_path, definition, Formula(noisy), earlier=earlier).records()
    assert [one.parameters for one in again] == [one.parameters for one in records]


def test_a_constraint_keeps_a_better_trial_from_being_chosen(tmp_path: Path) -> None:
    definition = defined(budget=BUDGET, **SEARCHES["constraint"])
    records = search(tmp_path, definition, Formula(score)).records()
    assert choice.usable(records, definition)[0].parameters["x"] <= 0.5
    content = [json.loads(line) for line in (tmp_path / "search" / "journal.jsonl").read_text().splitlines()]
    assert any("constraints:broken" in str(line) for line in content)


def test_what_learns_sees_stopped_trials_as_far_from_the_best_as_on_the_folds_that_both_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[dict[str, float], float]] = []

    def seen(definition: Any, number: int, ended: Any, taken: Any) -> None:
        shown[:] = ended

    monkeypatch.setattr("foldline.training.tune_hyperparameters.study.proposed", seen)
    # The first fold is hard, so that trials which have no other look bad.
    definition = defined(space={"x": LINE}, algorithm={"name": "random"}, budget={"trials": 9, "parallel_trials": 8})
    search(tmp_path, definition, Formula(lambda point, fold: point["x"] + (10.0 if fold else 0.0)))
    assert len(shown) == 8
    (offset,) = {round(value + point["x"], 6) for point, value in shown}
    assert offset == pytest.approx(-10.0 * (len(FOLDS) - 1) / len(FOLDS))
