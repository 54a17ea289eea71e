"""What a definition can ask for, and which engine does not do it.

Katib is version 0.19. It takes much that it then does not do as it says, without a word: such things are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from foldline.training.search.conduct import (
    CMAES,
    GP,
    GRID,
    HALVING,
    HYPERBAND,
    KATIB,
    MULTIVARIATE_TPE,
    NONE,
    OPTUNA,
    RANDOM,
    SOBOL,
    TPE,
    WORST_FOLD,
)
from foldline.training.search.definition import HOLD_OUT_FOLD, RESELECTED, Definition
from foldline.training.search.objective import LOWER_BOUND
from foldline.training.search.parameters import Choice

# These propose points in a box of which every parameter is a side.
IN_A_BOX = (CMAES, SOBOL, GP)
# These follow one objective, across constraints too.
OF_ONE_OBJECTIVE = (CMAES, GP)
ON_BOTH = (RANDOM, GRID, TPE, MULTIVARIATE_TPE, CMAES, SOBOL)


@dataclass(frozen=True)
class Refusal:
    """Why an engine does not do something, and what to write instead."""

    reason: str
    nearest: str


@dataclass(frozen=True)
class Feature:
    """Something that a definition can ask for.

    Attributes:
        name: in the table of the documentation and in messages.
        asked: what of a definition asks for it; empty where nothing does.
        refused: by engine; an engine that is not there does it.
    """

    name: str
    asked: Callable[[Definition], str]
    refused: Mapping[str, Refusal] = field(default_factory=dict)


def _algorithm(name: str) -> Callable[[Definition], str]:
    return lambda definition: name if definition.algorithm.name == name else ""


def _rule(name: str) -> Callable[[Definition], str]:
    return lambda definition: name if definition.stopping.rule == name else ""


def _with(names: tuple[str, ...], asked: Callable[[Definition], str]) -> Callable[[Definition], str]:
    """What `asked` finds where the algorithm is one of `names`."""

    def both(definition: Definition) -> str:
        name = definition.algorithm.name
        found = asked(definition) if name in names else ""
        return f"{found}, and {name}" if found else ""

    return both


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _conditional(definition: Definition) -> str:
    return _listed(list(definition.space.conditional))


def _choices(definition: Definition) -> str:
    return _listed([one.name for one in definition.space if isinstance(one, Choice)])


def _one_number(definition: Definition) -> str:
    numbers = [one.name for one in definition.space if not isinstance(one, Choice)]
    return f"{_listed(numbers) or 'none'}" if len(numbers) < 2 else ""


def _further(definition: Definition) -> str:
    return _listed([one.metric for one in definition.further_objectives])


def _constraints(definition: Definition) -> str:
    return _listed([one.metric for one in definition.constraints])


def _stopping_of_several(definition: Definition) -> str:
    stops = definition.stopping.rule in (HALVING, WORST_FOLD) or definition.algorithm.name in (HALVING, HYPERBAND)
    return f"{definition.stopping.rule}, {definition.algorithm.name}" if stops and definition.further_objectives else ""


LOCALLY = f"engine {OPTUNA}"
_NO_CONDITIONS = Refusal("Katib gives every trial a value of every parameter", f"a search for each case, or {LOCALLY}")
_BOX = Refusal("it proposes points in a box, which every parameter is to be a side of", f"algorithm {TPE}")
_CATEGORIES = Refusal(
    "it proposes numbers, which choices are not", f"algorithm {TPE}, or a search for each value with that value fixed"
)
_ONE_OBJECTIVE = Refusal("Katib knows one objective", f"the first objective alone, or {LOCALLY}")
_NO_CONSTRAINTS = Refusal("Katib has none", f"bounds of the space that keep them, or {LOCALLY}")
_NO_WAITING = Refusal("Katib's trials do not wait for each other", f"algorithm {RANDOM}, stopping {WORST_FOLD}")
_TWO_NUMBERS = Refusal("it needs at least two parameters of type float or int", f"algorithm {TPE}")
FEATURES = (
    *(Feature(f"algorithm {name}", _algorithm(name)) for name in ON_BOTH),
    *(Feature(f"algorithm {name}", _algorithm(name), {KATIB: _NO_WAITING}) for name in (HALVING, HYPERBAND)),
    Feature(
        f"algorithm {GP}",
        _algorithm(GP),
        {KATIB: Refusal("Katib makes every range of floats logarithmic for it", f"algorithm {MULTIVARIATE_TPE}")},
    ),
    Feature(
        f"when, algorithm {CMAES}, {SOBOL} or {GP}",
        _with(IN_A_BOX, _conditional),
        {OPTUNA: _BOX, KATIB: _NO_CONDITIONS},
    ),
    Feature("when, other algorithms", _conditional, {KATIB: _NO_CONDITIONS}),
    Feature(f"choice, algorithm {CMAES}", _with((CMAES,), _choices), {OPTUNA: _CATEGORIES, KATIB: _CATEGORIES}),
    Feature(f"choice, algorithm {SOBOL}", _with((SOBOL,), _choices), {KATIB: _CATEGORIES}),
    Feature(
        f"fewer than two numbers, algorithm {CMAES}",
        _with((CMAES,), _one_number),
        {OPTUNA: _TWO_NUMBERS, KATIB: _TWO_NUMBERS},
    ),
    Feature(f"fewer than two numbers, algorithm {SOBOL}", _with((SOBOL,), _one_number), {KATIB: _TWO_NUMBERS}),
    Feature(
        f"further_objectives, algorithm {CMAES} or {GP}",
        _with(OF_ONE_OBJECTIVE, _further),
        {OPTUNA: Refusal("it follows one objective", f"algorithm {TPE}"), KATIB: _ONE_OBJECTIVE},
    ),
    Feature(
        f"further_objectives, stopping {HALVING} or {WORST_FOLD}",
        _stopping_of_several,
        {
            OPTUNA: Refusal("a trial that is behind in the first may lead in another", f"stopping {NONE}"),
            KATIB: _ONE_OBJECTIVE,
        },
    ),
    Feature("further_objectives", _further, {KATIB: _ONE_OBJECTIVE}),
    Feature(
        f"constraints, algorithm {CMAES} or {GP}",
        _with(OF_ONE_OBJECTIVE, _constraints),
        {OPTUNA: Refusal("it would follow the objective across them", f"algorithm {TPE}"), KATIB: _NO_CONSTRAINTS},
    ),
    Feature("constraints", _constraints, {KATIB: _NO_CONSTRAINTS}),
    Feature(
        "budget.cost",
        lambda definition: f"limit {definition.budget.cost_limit:g}" if definition.budget.cost_limit else "",
        {KATIB: Refusal("what the nodes of its trials cost is not known here", "budget.wall_clock_s")},
    ),
    Feature(
        "warm_start_uri",
        lambda definition: definition.warm_start_uri,
        {
            KATIB: Refusal(
                "Katib begins every experiment with an empty history",
                "the bounds of the space, narrowed around the best trials of the earlier result",
            )
        },
    ),
    Feature(
        "try_first",
        lambda definition: f"{len(definition.try_first)} points" if definition.try_first else "",
        {KATIB: Refusal("Katib takes no points", "the bounds of the space, narrowed around them")},
    ),
    Feature(
        f"stopping {HALVING}",
        _rule(HALVING),
        {KATIB: _NO_WAITING},
    ),
    Feature(f"stopping {WORST_FOLD}", _rule(WORST_FOLD)),
    Feature(f"stopping {NONE}", _rule(NONE)),
    Feature(
        f"objective.over_folds {LOWER_BOUND}",
        lambda definition: LOWER_BOUND if definition.objective.over_folds == LOWER_BOUND else "",
    ),
    Feature("objective.goal", lambda definition: "" if definition.objective.goal is None else "goal"),
    Feature(f"estimate {RESELECTED}", lambda definition: RESELECTED if definition.estimate == RESELECTED else ""),
    Feature(
        f"estimate {HOLD_OUT_FOLD}",
        lambda definition: HOLD_OUT_FOLD if definition.estimate == HOLD_OUT_FOLD else "",
        {KATIB: Refusal("no job of a trial follows the search", f"estimate {RESELECTED}")},
    ),
    Feature(
        "budget.wall_clock_s",
        lambda definition: f"{definition.budget.wall_clock_s:g}" if definition.budget.wall_clock_s else "",
    ),
    Feature("budget.trial_s", lambda definition: f"{definition.budget.trial_s:g}" if definition.budget.trial_s else ""),
)
