"""Documents that define a search, right and wrong ones."""

from typing import Any

WIDTH = {"type": "int", "low": 8, "high": 64}
RATE = {"type": "float", "low": 1e-4, "high": 0.1, "log": True}
OPTIMIZER = {"type": "choice", "values": ["adam", "adamw"]}
DECAY = {
    "type": "float", "low": 1e-5, "high": 0.1, "log": True,
    "when": {"parameter": "fitting.optimizer.name", "in": ["adamw"]},
}  # fmt: skip
EVERYTHING: dict[str, Any] = {
    "space": {
        "learning_rate": RATE,
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
        "hidden_units": {"type": "choice", "values": [[64, 64], [128]]},
        "batch_size": {"type": "int", "low": 64, "high": 1024, "log": True},
        "fitting.optimizer.name": OPTIMIZER,
        "fitting.optimizer.weight_decay": DECAY,
    },
    "objective": {"metric": "roc_auc", "direction": "maximize", "over_folds": "lower_bound", "goal": 0.9},
    "further_objectives": [{"metric": "brier", "direction": "minimize"}, {"metric": "parameters"}],
    "constraints": [{"metric": "seconds", "at_most": 60}, {"metric": "recall", "at_least": 0.5}],
    "algorithm": {"name": "tpe", "startup_trials": 5, "candidates": 24},
    "budget": {
        "trials": 30, "parallel_trials": 8, "wall_clock_s": 3600, "trial_s": 600,
        "cost": {"per_hour": 2.5, "limit": 10},
    },
    "stopping": {"rule": "none", "eta": 3},
    "seed": 1,
    "estimate": "hold_out_fold",
    "warm_start_uri": "s3://searches/first",
    "try_first": [{"dropout": 0.3}, {"fitting.optimizer.name": "adamw", "fitting.optimizer.weight_decay": 0.001}],
    "failures_allowed": 0.25,
}  # fmt: skip


def document(**changes: Any) -> dict[str, Any]:
    """A search of one parameter, `width`, with `changes` to its document."""
    return {"space": {"width": WIDTH}} | changes


def space(**parameters: Any) -> dict[str, Any]:
    """A search of these parameters; `__` in a name stands for a point."""
    return {"space": {name.replace("__", "."): content for name, content in parameters.items()}}


# Faults of one field, which both parsing and the schema see: a name, the document, a part of the message.
WRONG: list[tuple[str, Any, str]] = [
    ("no-object", [], "the search: expected an object"),
    ("unknown-field", document(metrc="f1"), "field 'metrc' of the search"),
    ("no-space", {}, "field 'space' of the search: expected an object with a parameter"),
    ("empty-space", {"space": {}}, "expected an object with a parameter"),
    ("space-list", {"space": [WIDTH]}, "field 'space' of the search"),
    ("name-with-space", {"space": {"my width": WIDTH}}, "letters, digits and underscores"),
    ("name-with-point", {"space": {"model.width": WIDTH}}, "or fitting.… for a field of fitting"),
    ("fitting-unknown", {"space": {"fitting.optimiser.name": OPTIMIZER}}, "Did you mean 'optimizer'?"),
    ("fitting-not-searched", {"space": {"fitting.stopping": OPTIMIZER}}, "field 'stopping' of fitting"),
    ("no-type", space(width={"low": 1, "high": 2}), "field 'type' of parameter 'width' of the search"),
    ("type-unknown", space(width=WIDTH | {"type": "integer"}), "Did you mean 'int'?"),
    ("type-field", space(width=WIDTH | {"lo": 1}), "Did you mean 'low'?"),
    (
        "no-high",
        space(width={"type": "int", "low": 1}),
        "field 'high' of parameter 'width' of the search: expected a number",
    ),
    ("low-text", space(width=WIDTH | {"low": "8"}), "field 'low' of parameter 'width' of the search: expected a whole"),
    ("int-fraction", space(width=WIDTH | {"low": 8.5}), "expected a whole number, got 8.5"),
    ("log-number", space(width=WIDTH | {"log": 1}), "field 'log' of parameter 'width' of the search: expected true or"),
    ("step-negative", space(width=WIDTH | {"step": -8}), "expected a whole number of at least 0"),
    ("bool-low", space(rate=RATE | {"low": True}), "expected a number, got True"),
    ("choice-one", space(act={"type": "choice", "values": ["relu"]}), "at least 2 values"),
    ("choice-twice", space(act={"type": "choice", "values": [1, 2, 1.0]}), "each value once, got 1 more than once"),
    ("choice-text", space(act={"type": "choice", "values": "relu"}), "expected a list"),
    ("choice-low", space(act={"type": "choice", "values": [1, 2], "low": 1}), "field 'low' of parameter 'act'"),
    (
        "when-field",
        space(a=OPTIMIZER, width=WIDTH | {"when": {"param": "a", "in": ["adam"]}}),
        "Did you mean 'parameter'?",
    ),
    ("when-empty", space(a=OPTIMIZER, width=WIDTH | {"when": {"parameter": "a", "in": []}}), "at least 1 value"),
    ("metric-unknown", document(objective={"metric": "auc"}), "Did you mean 'roc_auc'?"),
    ("metric-cost", document(objective={"metric": "seconds"}), "costs are for further objectives"),
    ("direction", document(objective={"metric": "rmse", "direction": "down"}), "one of maximize, minimize"),
    ("over-folds", document(objective={"metric": "rmse", "over_folds": "median"}), "one of mean, lower_bound"),
    ("goal-text", document(objective={"metric": "rmse", "goal": "1"}), "field 'goal' of field 'objective'"),
    ("further-nameless", document(further_objectives=[{"direction": "minimize"}]), "entry 1 of field 'further_obj"),
    (
        "constraint-both",
        document(constraints=[{"metric": "f1", "at_least": 0, "at_most": 1}]),
        "at_most and at_least, got",
    ),
    ("constraint-none", document(constraints=[{"metric": "f1"}]), "got neither"),
    ("constraint-metric", document(constraints=[{"at_most": 1}]), "field 'metric' of entry 1 of field 'constraints'"),
    ("algorithm-unknown", document(algorithm={"name": "tpee"}), "Did you mean 'tpe'?"),
    ("algorithm-text", document(algorithm="tpe"), """expected an object, as {"name": "tpe"}"""),
    ("setting-unknown", document(algorithm={"name": "tpe", "n_startup_trials": 3}), "Did you mean 'startup_trials'?"),
    ("setting-of-another", document(algorithm={"name": "random", "gamma": 0.2}), "field 'gamma' of field 'algorithm'"),
    ("trials-none", document(budget={"trials": 0}), "field 'trials' of field 'budget' of the search: expected a whole"),
    ("trials-fraction", document(budget={"trials": 2.5}), "expected a whole number of at least 1, got 2.5"),
    ("clock-negative", document(budget={"wall_clock_s": -1}), "expected a number of at least 0"),
    ("cost-field", document(budget={"cost": {"hour": 1}}), "field 'hour' of field 'cost' of field 'budget'"),
    ("rule-unknown", document(stopping={"rule": "median"}), "one of auto, halving, worst_fold, none"),
    ("eta", document(stopping={"eta": 1}), "expected a whole number of at least 2"),
    ("seed", document(seed=-1), "field 'seed' of the search"),
    ("seed-large", document(seed=2**31), "field 'seed' of the search: expected at most 2147483647"),
    ("estimate", document(estimate="nested"), "one of reselected, hold_out_fold"),
    ("warm-start", document(warm_start_uri=3), "expected an address"),
    ("try-first-text", document(try_first=["width"]), "point 1 of field 'try_first'"),
    ("failures", document(failures_allowed=1.5), "of at least 0 and of at most 1"),
]

# Faults between fields, which only parsing sees.
DISAGREEING: list[tuple[str, Any, str]] = [
    ("low-above-high", space(width=WIDTH | {"high": 4}), "expected more than low, 8, got 4"),
    ("low-is-high", space(width=WIDTH | {"high": 8}), "A single value is no search"),
    ("log-zero", space(rate=RATE | {"low": 0}), "expected above 0, since log is true, got 0"),
    ("log-negative", space(width={"type": "int", "low": -1, "high": 8, "log": True}), "since log is true, got -1"),
    ("log-step", space(rate=RATE | {"step": 0.1}), "expected nothing, since log is true"),
    ("step-uneven", space(width=WIDTH | {"step": 10}), "from 8 to 64 in equal steps, got 10. Set high to 58"),
    ("step-long", space(width=WIDTH | {"step": 100}), "Set high to 108, for instance"),
    ("step-uneven-float", space(d={"type": "float", "low": 0, "high": 0.5, "step": 0.2}), "Set high to 0.4, for"),
    ("rate-zero", space(learning_rate=RATE | {"low": 0, "log": False}), "a value of parameter 'learning_rate'"),
    ("batch-float", space(batch_size={"type": "float", "low": 1, "high": 9}), "expected int or choice, got 'float'"),
    ("batch-choice", space(batch_size={"type": "choice", "values": [32, 0]}), "a whole number of at least 1, got 0"),
    ("patience-zero", space(patience={"type": "choice", "values": [3, 0]}), "a whole number of at least 1, got 0"),
    ("nested-names", space(fitting__loss=OPTIMIZER, fitting__loss__name=OPTIMIZER), "no part of another parameter"),
    (
        "when-unknown",
        space(optimizer=OPTIMIZER, w=WIDTH | {"when": {"parameter": "optimiser", "in": [1]}}),
        "another parameter of the space: optimizer, got 'optimiser'. Did you mean 'optimizer'?",
    ),
    ("when-itself", space(w=WIDTH | {"when": {"parameter": "w", "in": [8]}}), "expected no circle, got w -> w"),
    (
        "when-circle",
        space(a=WIDTH | {"when": {"parameter": "b", "in": [8]}}, b=WIDTH | {"when": {"parameter": "a", "in": [8]}}),
        "expected no circle, got a -> b -> a",
    ),
    (
        "when-value",
        space(a=OPTIMIZER, w=WIDTH | {"when": {"parameter": "a", "in": ["sgd"]}}),
        """one of ["adam", "adamw"]""",
    ),
    (
        "when-float",
        space(a=RATE, w=WIDTH | {"when": {"parameter": "a", "in": [0.1]}}),
        "a parameter of type int or choice",
    ),
    (
        "direction-wrong",
        document(objective={"metric": "rmse", "direction": "maximize"}),
        "minimize, which is better of rmse",
    ),
    ("direction-alone", document(objective={"direction": "maximize"}), "a metric beside a direction or a goal"),
    (
        "objective-twice",
        document(objective={"metric": "f1"}, further_objectives=[{"metric": "f1"}]),
        "each metric once",
    ),
    ("parallel", document(budget={"trials": 4, "parallel_trials": 5}), "expected at most 4, the trials, got 5"),
    ("cost-half", document(budget={"cost": {"limit": 5}}), "both per_hour and limit above 0"),
    (
        "halving-unstopped",
        document(algorithm={"name": "halving"}, stopping={"rule": "none"}),
        "which the algorithm halving",
    ),
    (
        "grid-float",
        space(d={"type": "float", "low": 0, "high": 1}) | {"algorithm": {"name": "grid"}},
        "since the algorithm is grid",
    ),
    (
        "grid-log",
        document(**space(w=WIDTH | {"log": True}), algorithm={"name": "grid"}),
        "since a grid goes in equal steps",
    ),
    ("first-name", document(try_first=[{"widht": 8}]), "Did you mean 'width'?"),
    (
        "first-outside",
        document(try_first=[{"width": 65}]),
        "'width' of point 1 of field 'try_first' of the search: expected 8 to 64",
    ),
    ("first-twice", document(try_first=[{"width": 8}, {"width": 8.0}]), "expected each point once"),
    (
        "first-many",
        document(try_first=[{"width": 8}, {"width": 9}], budget={"trials": 1}),
        "at most 1 points, the trials",
    ),
    (
        "first-inactive",
        space(fitting__optimizer__name=OPTIMIZER, fitting__optimizer__weight_decay=DECAY)
        | {"try_first": [{"fitting.optimizer.name": "adam", "fitting.optimizer.weight_decay": 0.01}]},
        "expected no value, since",
    ),
]
