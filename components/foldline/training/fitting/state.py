"""What a step of K models takes and changes: arrays with a first axis K."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

Arrays = dict[str, Any]
# Of the data: not features.
LABEL, WEIGHT = "label", "weight"


@dataclass(frozen=True)
class Variables:
    """Values of the variables of K models, in the order in which a model has them; first axis K."""

    trainable: list[Any]
    non_trainable: list[Any]


@dataclass(frozen=True)
class State:
    """Everything that a step changes; first axis K in each array."""

    variables: Variables
    optimizer: list[Any]


@dataclass(frozen=True)
class Epoch:
    """What an epoch tells of each model; shape (K,) each.

    Attributes:
        loss: mean training loss.
        steepest: the largest norm of a step's gradient.
    """

    loss: Any
    steepest: Any


for _kind, _fields in (
    (Variables, ["trainable", "non_trainable"]),
    (State, ["variables", "optimizer"]),
    (Epoch, ["loss", "steepest"]),
):
    jax.tree_util.register_dataclass(_kind, data_fields=_fields, meta_fields=[])


def features_of(data: Arrays) -> Arrays:
    return {name: values for name, values in data.items() if name not in (LABEL, WEIGHT)}


def of_each(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of each model of a stack; without `vmap` where there is but one."""

    def applied(*given: Any) -> Any:
        if len(jax.tree.leaves(given)[0]) > 1:
            return jax.vmap(function)(*given)
        first = jax.tree.map(lambda leaf: leaf[0], given)
        return jax.tree.map(lambda leaf: leaf[None], function(*first))

    return applied
