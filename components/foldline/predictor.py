"""Predictions of an exported model, made by TensorFlow alone from what is on disk."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Model
from foldline.artifacts.signature import MISSING_INTEGER, MISSING_STRING
from foldline.artifacts.tensor_names import tensor_names
from foldline.errors import ArtifactError

# TensorFlow reads it when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

BATCH_ROWS = 8192
OUTPUT = "predictions"


class Predictor:
    """The `serving_default` of a model's SavedModel."""

    def __init__(self, model: Model) -> None:
        """Load the SavedModel; no Keras, no custom objects.

        Raises:
            ArtifactError: TensorFlow cannot load it, or it does not take the columns of `model.json`.
        """
        self.model = model
        # The graph's variables and tables live as long as the loaded object does.
        self._loaded = _load(model)
        served = self._loaded.signatures["serving_default"]
        names = tensor_names([column.name for column in model.signature])
        wanted = {names[column.name]: column.tensor_dtype for column in model.signature}
        found = {name: spec.dtype.name for name, spec in served.structured_input_signature[1].items()}
        if found != wanted:
            raise ArtifactError(f"inputs of {model.saved_model}", expected=f"{wanted}", got=f"{found}")
        if OUTPUT not in served.structured_outputs:
            raise ArtifactError(
                f"outputs of {model.saved_model}", expected=OUTPUT, got=f"{sorted(served.structured_outputs)}"
            )
        # Each tensor of a call costs TensorFlow about as much as a small graph does: one a dtype, not one a column.
        self._groups = {
            dtype: [column.name for column in model.signature if column.tensor_dtype == dtype]
            for dtype in sorted({column.tensor_dtype for column in model.signature})
        }

        def serve(*stacked: Any) -> Any:
            split = zip(self._groups.values(), map(tf.unstack, stacked), strict=True)
            return served(**{
                names[name]: column for group, columns in split for name, column in zip(group, columns, strict=True)
            })[OUTPUT]  # fmt: skip

        specs = [tf.TensorSpec([len(group), None], dtype) for dtype, group in self._groups.items()]
        self._serve = tf.function(serve, specs, autograph=False).get_concrete_function()

    def predict(self, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Predictions of raw rows.

        Args:
            tensors: shape (n_rows,) for each column of the signature, as `artifacts.signature` makes them.

        Returns:
            Shape (n_rows, task.outputs), as the model gives them: perhaps not finite.

        Raises:
            ArtifactError: the model's output has another shape.
        """
        rows = len(next(iter(tensors.values())))
        parts = [self._batch(tensors, start) for start in range(0, rows, BATCH_ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, self.model.task.outputs), dtype=np.float32)

    def warm_up(self) -> None:
        """Predict one row whose values are all missing, so that the first request does not pay for start-up."""
        missing: dict[str, Any] = {"float32": np.float32(np.nan), "int64": MISSING_INTEGER, "string": MISSING_STRING}
        dtypes: dict[str, Any] = {"float32": np.float32, "int64": np.int64, "string": object}
        self.predict(
            {
                column.name: np.array([missing[column.tensor_dtype]], dtype=dtypes[column.tensor_dtype])
                for column in self.model.signature
            }
        )

    def _batch(self, tensors: Mapping[str, NDArray[Any]], start: int) -> NDArray[np.float32]:
        part = {name: values[start : start + BATCH_ROWS] for name, values in tensors.items()}
        rows = len(next(iter(part.values())))
        stacked = [tf.constant(np.stack([part[name] for name in group])) for group in self._groups.values()]
        predictions: NDArray[np.float32] = np.asarray(self._serve(*stacked).numpy(), dtype=np.float32)
        if predictions.shape != (rows, self.model.task.outputs):
            raise ArtifactError(
                f"output {OUTPUT} of {self.model.saved_model}",
                expected=f"shape {(rows, self.model.task.outputs)}",
                got=f"shape {predictions.shape}",
            )
        return predictions


def _load(model: Model) -> Any:
    try:
        loaded = tf.saved_model.load(str(model.saved_model))
    except (OSError, ValueError, tf.errors.OpError) as fault:
        raise ArtifactError(
            f"SavedModel {model.saved_model}", expected="one that TensorFlow loads", got=str(fault)[:200]
        ) from fault
    if "serving_default" not in loaded.signatures:
        raise ArtifactError(
            f"SavedModel {model.saved_model}",
            expected="the signature serving_default",
            got=f"{list(loaded.signatures)}",
        )
    return loaded
