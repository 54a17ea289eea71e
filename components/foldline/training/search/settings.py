"""From the parameters of a trial to what a training takes."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from foldline.training.search.parsing import FITTING, OF_TRAINING

NAMED = ("optimizer", "schedule", "loss")
# The optimizer that arguments are for where none is named.
DEFAULT_NAMES = {"optimizer": "adam"}


@dataclass(frozen=True)
class Settings:
    """What a training takes beside its data; `batch_size` 0 and `patience` are read as `train_folds` reads them."""

    hyperparameters: dict[str, Any] = field(default_factory=dict)
    epochs: int = 50
    batch_size: int = 0
    learning_rate: float = 0.001
    patience: int = 5
    fitting: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, base: Self, parameters: Mapping[str, Any]) -> Self:
        """`base` with the parameters of a trial in it.

        `learning_rate`, `batch_size`, `epochs` and `patience` are those of the training, `fitting.<path>` is a field of
        `fitting`, and all others are arguments of the function that builds the model. A name of an optimizer, schedule
        or loss that is not the one of `base` does not take over its arguments.
        """
        training: dict[str, Any] = {}
        hyperparameters = dict(base.hyperparameters)
        fitting = copy.deepcopy(base.fitting)
        # The name of an optimizer is set before its arguments.
        for name in sorted(parameters, key=lambda one: (not one.endswith(".name"), one)):
            value = copy.deepcopy(parameters[name])
            if name in OF_TRAINING:
                training[name] = int(value) if OF_TRAINING[name][1] else float(value)
            elif name.startswith(FITTING):
                _set(fitting, name.split(".")[1:], value)
            else:
                hyperparameters[name] = value
        return replace(base, hyperparameters=hyperparameters, fitting=fitting, **training)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` wrote, also after KFP made floats of its integers."""
        whole = {name: int(content[name]) for name in ("epochs", "batch_size", "patience") if name in content}
        return cls(**{**content, **whole})


def _set(fitting: dict[str, Any], path: list[str], value: Any) -> None:
    head, rest = path[0], path[1:]
    if not rest:
        fitting[head] = value
        return
    if head in NAMED:
        given = fitting.get(head, "")
        named = {"name": given} if isinstance(given, str) else dict(given)
        named["name"] = named.get("name") or DEFAULT_NAMES.get(head, "")
        if rest == ["name"] and value != named["name"]:
            named = {"name": value}
        fitting[head] = named
    elif not isinstance(fitting.get(head), dict):
        fitting[head] = {}
    place = fitting[head]
    for key in rest[:-1]:
        place = place.setdefault(key, {})
    place[rest[-1]] = value
