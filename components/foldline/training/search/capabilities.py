"""What each engine can do; what it cannot is refused with the reason and the nearest that it can."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from foldline.errors import ArgumentError
from foldline.training.search import fields
from foldline.training.search.conduct import (
    ALGORITHMS,
    AUTO,
    HALVING,
    KATIB,
    NONE,
    OPTUNA,
    SETTINGS,
    WORST_FOLD,
    Stopping,
)
from foldline.training.search.definition import Definition
from foldline.training.search.features import FEATURES, Refusal

__all__ = ["ENGINES", "KATIB", "OPTUNA", "SETTINGS", "check", "settings_table", "table"]
ENGINES = (OPTUNA, KATIB)


def check(definition: Definition, engine: str) -> Definition:
    """The definition with what it leaves to the engine filled in: the stopping rule `auto` is `halving` on Optuna, but
    `none` with further objectives, and `worst_fold` on Katib; settings of the algorithm have their types.

    Raises:
        ArgumentError: the engine cannot do something of it; it says why, and what is nearest.
    """
    fields.one_of(engine, ENGINES, "engine of the search")
    for feature in FEATURES:
        refusal = feature.refused.get(engine)
        asked = feature.asked(definition) if refusal else ""
        if refusal and asked:
            raise ArgumentError(
                f"{feature.name} on {engine}",
                expected=f"nothing of the kind, since {refusal.reason}",
                got=asked,
                fix=f"The nearest: {refusal.nearest}.",
            )
    rule = definition.stopping.rule
    if rule == AUTO:
        rule = WORST_FOLD if engine == KATIB else NONE if definition.further_objectives else HALVING
    name = definition.algorithm.name
    algorithm = replace(definition.algorithm, settings=_settings(engine, name, definition.algorithm.settings))
    return replace(definition, algorithm=algorithm, stopping=Stopping(rule, definition.stopping.eta))


def table() -> list[list[str]]:
    """The table of the documentation: feature, and what each of `ENGINES` does with it."""
    return [[feature.name, *(_said(feature.refused.get(engine)) for engine in ENGINES)] for feature in FEATURES]


def settings_table() -> list[list[str]]:
    """The settings of each algorithm, by engine."""
    return [
        [name, *(", ".join(SETTINGS[engine].get(name, {})) or "none" for engine in ENGINES)]
        for name in ALGORITHMS
        if any(name in SETTINGS[engine] for engine in ENGINES)
    ]


def _said(refusal: Refusal | None) -> str:
    return f"no: {refusal.reason}. Nearest: {refusal.nearest}" if refusal else "yes"


def _settings(engine: str, algorithm: str, given: Mapping[str, Any]) -> dict[str, Any]:
    known = SETTINGS[engine].get(algorithm, {})
    found = {}
    for name, value in given.items():
        what = f"setting {name!r} of algorithm {algorithm} on {engine}"
        if name not in known:
            raise ArgumentError(
                what,
                expected=f"one of {', '.join(known)}" if known else "no setting",
                got=repr(value),
                fix=fields.did_you_mean(name, known),
            )
        found[name] = known[name](value, what)
    return found
