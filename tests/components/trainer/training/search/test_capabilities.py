"""What each engine can do, and what is said of what it cannot."""

from typing import Any

import pytest

from builders.search_documents import DECAY, OPTIMIZER, RATE, WIDTH, document, space
from foldline.errors import ArgumentError
from foldline.training.search.capabilities import ENGINES, SETTINGS, check, table
from foldline.training.search.definition import Definition
from foldline.training.search.features import FEATURES, Feature

CONDITIONAL = space(fitting__optimizer__name=OPTIMIZER, fitting__optimizer__weight_decay=DECAY)
NUMBERS = space(width=WIDTH, rate=RATE)
CHOICE = space(width=WIDTH, rate=RATE, act=OPTIMIZER)
WHEN_WIDTH = space(width=WIDTH, rate=RATE, decay=RATE | {"when": {"parameter": "width", "in": [8]}})
# A document for each feature that an engine refuses.
ASKING: dict[str, dict[str, Any]] = {
    "algorithm gp": document(algorithm={"name": "gp"}),
    "algorithm halving": document(algorithm={"name": "halving"}),
    "algorithm hyperband": document(algorithm={"name": "hyperband"}),
    "when, algorithm cmaes, sobol or gp": WHEN_WIDTH | {"algorithm": {"name": "sobol"}},
    "when, other algorithms": CONDITIONAL,
    "choice, algorithm cmaes": CHOICE | {"algorithm": {"name": "cmaes"}},
    "choice, algorithm sobol": CHOICE | {"algorithm": {"name": "sobol"}},
    "fewer than two numbers, algorithm cmaes": document(algorithm={"name": "cmaes"}),
    "fewer than two numbers, algorithm sobol": document(algorithm={"name": "sobol"}),
    "further_objectives": document(further_objectives=[{"metric": "f1"}]),
    "further_objectives, algorithm cmaes or gp": NUMBERS
    | {"further_objectives": [{"metric": "f1"}], "algorithm": {"name": "cmaes"}},
    "further_objectives, stopping halving or worst_fold": document(
        further_objectives=[{"metric": "f1"}], stopping={"rule": "halving"}
    ),
    "constraints": document(constraints=[{"metric": "f1", "at_least": 0.5}]),
    "constraints, algorithm cmaes or gp": NUMBERS
    | {"constraints": [{"metric": "f1", "at_least": 0.5}], "algorithm": {"name": "cmaes"}},
    "budget.cost": document(budget={"cost": {"per_hour": 1, "limit": 2}}),
    "warm_start_uri": document(warm_start_uri="s3://searches/first"),
    "try_first": document(try_first=[{"width": 8}]),
    "stopping halving": document(stopping={"rule": "halving"}),
    "estimate hold_out_fold": document(estimate="hold_out_fold"),
}
REFUSED = [(feature, engine) for feature in FEATURES for engine in feature.refused]


@pytest.mark.parametrize(
    ("feature", "engine"), REFUSED, ids=[f"{engine}-{feature.name}" for feature, engine in REFUSED]
)
def test_what_an_engine_cannot_do_is_refused_with_the_reason_and_the_nearest(feature: Feature, engine: str) -> None:
    refusal = feature.refused[engine]
    with pytest.raises(ArgumentError) as caught:
        check(Definition.parse(ASKING[feature.name]), engine)
    said = str(caught.value)
    assert f"on {engine}: expected nothing of the kind, since {refusal.reason}, got" in said
    assert said.endswith(f"The nearest: {refusal.nearest}.")
    assert said.startswith(feature.name)


@pytest.mark.parametrize("name", ASKING)
def test_what_is_not_refused_is_accepted(name: str) -> None:
    definition = Definition.parse(ASKING[name])
    asked = [feature for feature in FEATURES if feature.asked(definition)]
    assert name in [feature.name for feature in asked]
    for engine in ENGINES:
        if not any(engine in feature.refused for feature in asked):
            assert check(definition, engine).space == definition.space


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("algorithm", ["random", "grid", "tpe", "multivariate-tpe", "cmaes", "sobol"])
def test_a_plain_search_runs_on_both_engines_with_every_common_algorithm(engine: str, algorithm: str) -> None:
    parameters = space(width=WIDTH, depth=WIDTH)
    check(Definition.parse(parameters | {"algorithm": {"name": algorithm}}), engine)


@pytest.mark.parametrize(
    ("changes", "engine", "rule"),
    [
        ({}, "optuna", "halving"),
        ({}, "katib", "worst_fold"),
        ({"further_objectives": [{"metric": "f1"}]}, "optuna", "none"),
        ({"stopping": {"rule": "none"}}, "katib", "none"),
        ({"stopping": {"rule": "worst_fold"}}, "optuna", "worst_fold"),
        ({"algorithm": {"name": "hyperband"}}, "optuna", "halving"),
    ],
)
def test_the_stopping_rule_that_is_left_to_the_engine_is_filled_in(
    changes: dict[str, Any], engine: str, rule: str
) -> None:
    assert check(Definition.parse(document(**changes)), engine).stopping.rule == rule


@pytest.mark.parametrize(
    ("algorithm", "engine", "said"),
    [
        (
            {"name": "tpe", "gamma": 0.2},
            "optuna",
            "setting 'gamma' of algorithm tpe on optuna: expected one of startup_",
        ),
        ({"name": "tpe", "startup_trials": 5}, "katib", "expected one of gamma, prior_weight, candidates"),
        ({"name": "cmaes", "restart_strategy": "ipop"}, "optuna", "expected one of sigma"),
        ({"name": "cmaes", "restart_strategy": "often"}, "katib", "expected one of none, ipop, bipop"),
        ({"name": "cmaes", "sigma": 0}, "katib", "expected a number above 0"),
        ({"name": "tpe", "candidates": 0.5}, "optuna", "expected a whole number of at least 1"),
        ({"name": "tpe", "gamma": 1}, "katib", "expected a number below 1"),
    ],
)
def test_a_setting_that_an_engine_does_not_take_is_refused(algorithm: dict[str, Any], engine: str, said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check(Definition.parse(NUMBERS | {"algorithm": algorithm}), engine)
    assert said in str(caught.value)


def test_settings_get_their_types_after_kfp_made_floats_of_integers() -> None:
    given = document(algorithm={"name": "tpe", "candidates": 24.0, "gamma": 0.25})
    settings = check(Definition.parse(given), "katib").algorithm.settings
    assert settings == {"candidates": 24, "gamma": 0.25}
    assert isinstance(settings["candidates"], int)


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match="engine of the search: expected one of optuna, katib, got 'kaitb'"):
        check(Definition.parse(document()), "kaitb")


def test_the_table_has_a_row_for_every_feature_and_a_column_for_every_engine() -> None:
    rows = table()
    assert [row[0] for row in rows] == [feature.name for feature in FEATURES]
    assert all(len(row) == 1 + len(ENGINES) for row in rows)
    assert set(SETTINGS) == set(ENGINES)
