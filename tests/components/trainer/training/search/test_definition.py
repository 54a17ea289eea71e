"""The definition of a search: what it reads, and what it says of what it cannot read."""

import copy
from typing import Any

import pytest

from builders.search_documents import DISAGREEING, EVERYTHING, WIDTH, WRONG, document
from foldline.artifacts import Task
from foldline.errors import ArgumentError
from foldline.evaluation.metrics import primary_metric
from foldline.training.search.definition import Definition
from foldline.training.search.objective import METRICS, direction_of

TASKS = [Task("binary", ("no", "yes")), Task("multiclass", ("a", "b", "c")), Task("regression")]


def as_kfp_hands_it_over(value: Any) -> Any:
    """Integers inside objects and lists as floats, objects in another order."""
    if isinstance(value, dict):
        return {key: as_kfp_hands_it_over(value[key]) for key in sorted(value, reverse=True)}
    if isinstance(value, list):
        return [as_kfp_hands_it_over(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize(
    ("given", "said"), [case[1:] for case in WRONG + DISAGREEING], ids=[case[0] for case in WRONG + DISAGREEING]
)
def test_a_wrong_document_is_refused_with_what_was_expected(given: Any, said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Definition.parse(given)
    assert said in str(caught.value)


@pytest.mark.parametrize("given", [EVERYTHING, document()], ids=["everything", "least"])
def test_a_definition_is_read_as_it_was_written(given: dict[str, Any]) -> None:
    before = copy.deepcopy(given)
    read = Definition.parse(given)
    assert Definition.parse(read.to_json()) == read
    assert given == before


@pytest.mark.parametrize("given", [EVERYTHING, document()], ids=["everything", "least"])
def test_what_kfp_makes_of_a_document_is_the_same_definition(given: dict[str, Any]) -> None:
    read, handed = Definition.parse(given), Definition.parse(as_kfp_hands_it_over(given))
    assert handed.digest() == read.digest()
    assert repr(handed) == repr(read)


def test_another_definition_has_another_digest() -> None:
    assert Definition.parse(document(seed=1)).digest() != Definition.parse(document()).digest()


def test_everything_but_the_space_has_a_default() -> None:
    read = Definition.parse(document(), TASKS[0])
    assert (read.objective.metric, read.objective.direction, read.objective.over_folds) == (
        "roc_auc",
        "maximize",
        "mean",
    )
    assert (read.algorithm.name, read.trials, read.budget.parallel_trials, read.budget.seconds) == ("tpe", 30, 8, 0.0)
    assert (read.stopping.rule, read.estimate, read.failures_allowed) == ("auto", "reselected", 0.5)


def test_few_trials_lower_the_default_of_those_at_the_same_time() -> None:
    assert Definition.parse(document(budget={"trials": 3})).budget.parallel_trials == 3


def test_parameters_that_others_depend_on_come_first() -> None:
    names = Definition.parse(EVERYTHING).space.names
    assert names == ("batch_size", "dropout", "fitting.optimizer.name", "hidden_units", "learning_rate",
                     "fitting.optimizer.weight_decay")  # fmt: skip


@pytest.mark.parametrize(("budget", "seconds"), [
    ({"wall_clock_s": 60}, 60), ({"cost": {"per_hour": 2, "limit": 1}}, 1800),
    ({"wall_clock_s": 60, "cost": {"per_hour": 3600, "limit": 30}}, 30),
])  # fmt: skip
def test_time_and_cost_make_one_limit(budget: dict[str, Any], seconds: float) -> None:
    assert Definition.parse(document(budget=budget)).budget.seconds == seconds


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_the_metrics_of_a_task_are_those_of_the_evaluation(task: Task, scores: dict[str, dict[str, float]]) -> None:
    assert set(METRICS[task.kind]) == set(scores[task.kind])
    primary = primary_metric(task)
    assert METRICS[task.kind][0] == primary.name
    assert Definition.parse(document(), task).objective.metric == primary.name
    assert direction_of(primary.name) == ("maximize" if primary.larger_is_better else "minimize")


@pytest.mark.parametrize(("changes", "said"), [
    ({"objective": {"metric": "rmse"}}, "one of roc_auc, average_precision"),
    ({"further_objectives": [{"metric": "mae"}]}, "since the task is binary"),
    ({"constraints": [{"metric": "r2", "at_least": 0}]}, "since the task is binary"),
])  # fmt: skip
def test_a_metric_of_another_task_is_refused_when_the_task_is_known(changes: dict[str, Any], said: str) -> None:
    Definition.parse(document(**changes))
    with pytest.raises(ArgumentError, match=said):
        Definition.parse(document(**changes), TASKS[0])


@pytest.mark.parametrize(("metric", "goal", "reached", "missed"), [("roc_auc", 0.9, 0.9, 0.89), ("rmse", 2, 2.0, 2.1)])
def test_a_goal_is_reached_by_a_value_as_good(metric: str, goal: float, reached: float, missed: float) -> None:
    objective = Definition.parse(document(objective={"metric": metric, "goal": goal})).objective
    assert objective.reached(reached)
    assert not objective.reached(missed)
    assert not Definition.parse(document(objective={"metric": metric})).objective.reached(reached)


def test_what_a_trial_records_beside_the_objective_is_named_once() -> None:
    read = Definition.parse(EVERYTHING)
    assert read.other_metrics == ("brier", "parameters", "seconds", "recall")


def test_a_grid_has_no_more_trials_than_points() -> None:
    given = {"space": {"width": WIDTH | {"high": 10}}, "algorithm": {"name": "grid"}}
    assert Definition.parse(given).trials == 3
    assert Definition.parse(given | {"budget": {"trials": 2}}).trials == 2
