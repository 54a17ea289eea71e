"""The JSON Schema of the definition of a search, for editors and forms.

It is made from the names and bounds that `Definition.parse` reads by. What concerns several fields at once (bounds in
order, steps that divide, conditions, the metric of the task, what an engine can do) only parsing and
`capabilities.check` see.
"""

from typing import Any

from foldline.training.search.conduct import ALGORITHMS, RULES, SETTINGS, Algorithm
from foldline.training.search.definition import ESTIMATES, LARGEST_SEED, Definition
from foldline.training.search.objective import ALL_METRICS, COSTS, DIRECTIONS, OVER_FOLDS
from foldline.training.search.parameters import CHOICE, FLOAT, INT
from foldline.training.search.parsing import FIELDS, SEARCHED_FITTING, WORD

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBER = {"type": "number"}
_AMOUNT = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 1}


def schema() -> dict[str, Any]:
    """The schema of the document that `Definition.parse` reads."""
    metric = {"enum": [*ALL_METRICS, *COSTS]}
    fields = {
        "space": _space(),
        "objective": _object(
            {
                "metric": {"enum": ["", *ALL_METRICS]},
                "direction": {"enum": ["", *DIRECTIONS]},
                "over_folds": {"enum": list(OVER_FOLDS)},
                "goal": {"type": ["number", "null"]},
            }
        ),
        "further_objectives": _list(_object({"metric": metric, "direction": {"enum": list(DIRECTIONS)}}, "metric")),
        "constraints": _list(
            _object({"metric": metric, "at_most": _NUMBER, "at_least": _NUMBER}, "metric")
            | {"minProperties": 2, "maxProperties": 2}
        ),
        "algorithm": {"oneOf": [_algorithm(name) for name in ALGORITHMS]},
        "budget": _object(
            {
                "trials": _COUNT,
                "parallel_trials": _COUNT,
                "wall_clock_s": _AMOUNT,
                "trial_s": _AMOUNT,
                "cost": _object({"per_hour": _AMOUNT, "limit": _AMOUNT}),
            }
        ),
        "stopping": _object({"rule": {"enum": list(RULES)}, "eta": {"type": "integer", "minimum": 2}}),
        "seed": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
        "estimate": {"enum": list(ESTIMATES)},
        "warm_start_uri": {"type": "string"},
        "try_first": _list({"type": "object"}),
        "failures_allowed": {"type": "number", "minimum": 0, "maximum": 1},
    }
    ordered = {name: fields[name] for name in Definition.__dataclass_fields__}
    return {"$schema": DIALECT, "title": "Search for hyperparameters", **_object(ordered, "space")}


def _space() -> dict[str, Any]:
    when = _object({"parameter": {"type": "string"}, "in": _list({}, 1)}, "parameter", "in")
    bounds = {FLOAT: _NUMBER, INT: {"type": "integer"}}
    kinds = []
    for kind, names in FIELDS.items():
        of_kind = {
            "type": {"const": kind},
            "low": bounds.get(kind),
            "high": bounds.get(kind),
            "log": {"type": "boolean"},
            "step": {**bounds.get(kind, {}), "minimum": 0},
            "values": _list({}, 2),
            "when": when,
        }
        needed = ("type", "values") if kind == CHOICE else ("type", "low", "high")
        kinds.append(_object({name: of_kind[name] for name in names}, *needed))
    heads = "|".join(SEARCHED_FITTING)
    named = {"pattern": rf"^({WORD}|fitting\.({heads})(\.{WORD})*)$"}
    return {"type": "object", "minProperties": 1, "propertyNames": named, "additionalProperties": {"oneOf": kinds}}


def _algorithm(name: str) -> dict[str, Any]:
    names = sorted({setting for of in SETTINGS.values() for setting in of.get(name, {})})
    settings = {setting: {"type": ["number", "string"]} for setting in names}
    needed = () if name == Algorithm().name else ("name",)
    return _object({"name": {"const": name}, **settings}, *needed)


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


def _list(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    found = {"type": "array", "items": items}
    return found | {"minItems": least, "uniqueItems": True} if least else found
