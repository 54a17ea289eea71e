"""The settings of a training beside epochs, batch size and learning rate, as the document `fitting` gives them."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from foldline.errors import ArgumentError

if TYPE_CHECKING:
    from foldline.artifacts import Task

TOGETHER, EACH = "together", "each"
FLOAT32, BFLOAT16 = "float32", "mixed_bfloat16"
BALANCED = "balanced"


@dataclass(frozen=True)
class Named:
    """Something of Keras by its name, with its arguments; an empty name is the default."""

    name: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Any, where: str) -> Self:
        """From a name, or from an object with `name` and arguments."""
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, Mapping) and isinstance(value.get("name"), str) and value["name"]:
            return cls(value["name"], {key: whole(item) for key, item in value.items() if key != "name"})
        raise ArgumentError(where, expected='a name, or an object with "name" and its arguments', got=repr(value))

    def to_json(self) -> dict[str, Any] | str:
        return {"name": self.name, **self.arguments} if self.arguments else self.name


@dataclass(frozen=True)
class Fitting:
    """How models are fitted.

    Attributes:
        optimizer: class of `keras.optimizers`, in any case, and its arguments (`weight_decay`, `clipnorm`, ...).
        schedule: of the learning rate: `cosine`, `exponential`, `polynomial`, `inverse_time`, `cosine_restarts` or
            `piecewise`, and arguments of Keras' class; constant when empty. `decay_steps` that are left out are those
            of the whole training.
        loss: function of `keras.losses`, and its arguments; the logarithm of the class's probability or the squared
            error when empty.
        class_weight: weight of each class by name, or `balanced`: inversely as frequent as it is in a fold's training
            rows. Of the training loss only.
        weight_column: column with the weight of each row, in training and validation loss.
        precision: `float32`, or `mixed_bfloat16`: the steps compute in bfloat16, weights stay float32, and validation
            computes in float32 as serving does.
        stopping: `together`: one epoch is kept, the one with the lowest mean validation loss. `each`: every fold stops
            and keeps its epoch by its own validation loss; scores are then chosen on the rows that they are scored on.
        initial_weights: address of a Keras weights file (.weights.h5) that every model begins with.
        deterministic: use operations that give the same bytes in each run, and never measure to choose the mode.
    """

    optimizer: Named = Named("adam")
    schedule: Named = Named()
    loss: Named = Named()
    class_weight: str | dict[str, float] = ""
    weight_column: str = ""
    precision: str = FLOAT32
    stopping: str = TOGETHER
    initial_weights: str = ""
    deterministic: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any], task: "Task") -> Self:
        """The settings in `document`; what it leaves out has its default.

        Raises:
            ArgumentError: a field is unknown or has a value that it cannot have.
        """
        known = list(cls.__dataclass_fields__)
        for name in document:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else ""
                raise ArgumentError(f"field {name!r} of fitting", expected=f"one of {known}", got=repr(name), fix=hint)
        given = dict(document)
        for name in ("optimizer", "schedule", "loss"):
            if name in given:
                given[name] = Named.parse(given[name], f"field {name!r} of fitting")
        for name, allowed in (("precision", (FLOAT32, BFLOAT16)), ("stopping", (TOGETHER, EACH))):
            if given.get(name, allowed[0]) not in allowed:
                raise ArgumentError(f"field {name!r} of fitting", expected=" or ".join(allowed), got=repr(given[name]))
        for name, kind, words in (
            ("weight_column", str, "a column's name"),
            ("initial_weights", str, "an address"),
            ("deterministic", bool, "true or false"),
        ):
            if not isinstance(given.get(name, kind()), kind):
                raise ArgumentError(f"field {name!r} of fitting", expected=words, got=repr(given[name]))
        if given.get("class_weight"):
            given["class_weight"] = _class_weight(given["class_weight"], task)
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """What `parse` reads."""
        content = asdict(self)
        return content | {name: getattr(self, name).to_json() for name in ("optimizer", "schedule", "loss")}


def _class_weight(given: Any, task: "Task") -> str | dict[str, float]:
    where = "field 'class_weight' of fitting"
    if not task.is_classification:
        raise ArgumentError(where, expected="nothing for a regression", got=repr(given))
    if given == BALANCED:
        return BALANCED
    classes = list(task.classes)
    wanted = f"{BALANCED!r}, or a number above 0 for each of {classes}"
    if not isinstance(given, Mapping) or set(given) != set(classes):
        raise ArgumentError(where, expected=wanted, got=repr(given))
    wrong = {name: value for name, value in given.items() if not isinstance(value, int | float) or not value > 0}
    if wrong:
        raise ArgumentError(where, expected=wanted, got=repr(wrong))
    return {name: float(given[name]) for name in classes}


def whole(value: Any) -> Any:
    """A whole number as an integer: a local run of KFP makes floats of those inside objects."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) >= 1.0 else value
