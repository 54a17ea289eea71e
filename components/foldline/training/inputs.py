"""What a function that builds a model is given."""

from dataclasses import dataclass
from typing import Any, Self

import keras

from foldline.artifacts import CategoricalFeature, Layout, Task

ACTIVATIONS = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}


@dataclass(frozen=True)
class ModelInputs:
    """The features of a model and the output that it must have.

    Attributes:
        tensors: `numeric`, float32 of shape (None, len(numeric)), and `categorical`, int32 of shape
            (None, len(categorical)), as Keras inputs; one without columns is left out.
        numeric: name of each column of `numeric`.
        categorical: name and capacity of each column of `categorical`; its values lie in [0, capacity).
    """

    tensors: dict[str, Any]
    numeric: tuple[str, ...]
    categorical: tuple[CategoricalFeature, ...]
    task: Task

    @classmethod
    def make(cls, layout: Layout, task: Task) -> Self:
        """New inputs for the features of `layout`."""
        tensors = {}
        if layout.numeric:
            tensors["numeric"] = keras.Input((len(layout.numeric),), dtype="float32", name="numeric")
        if layout.categorical:
            tensors["categorical"] = keras.Input((len(layout.categorical),), dtype="int32", name="categorical")
        return cls(tensors, layout.numeric, layout.categorical, task)

    @property
    def units(self) -> int:
        """Width of the output: number of classes for multiclass, else 1."""
        return self.task.outputs

    @property
    def activation(self) -> str:
        """Activation of the output: `sigmoid` (binary), `softmax` (multiclass) or `linear` (regression, where the label
        is standardised to mean 0 and standard deviation 1)."""
        return ACTIVATIONS[self.task.kind]
