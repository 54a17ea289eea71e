"""Applying a fitted transform to raw tensors."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class AppliedTransform:
    """A transform's graph, loaded."""

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The graph in `Transform.fold_folder(k)` or `Transform.final_folder`; imports TensorFlow.

        `loaded` is the SavedModel: a served model that calls its `transform_fn` must hold on to it, so that tables and
        vocabularies are saved along.
        """
        import tensorflow as tf

        return cls(tf.saved_model.load(str(folder / "transform_fn")))

    def apply(
        self, tensors: dict[str, NDArray[Any]], fold: NDArray[np.int64] | None = None, *, batch_rows: int = 65_536
    ) -> dict[str, NDArray[Any]]:
        """Features of raw rows.

        Args:
            tensors: shape (n_rows,) each, as `tensors_from_table` gives them; other columns than the graph's are fine.
            fold: shape (n_rows,), where rows are those that a model is trained on: the number of each row's fold, -1
                for a row as it is served. No feature of a training row then comes from its own label.
            batch_rows: rows that go through the graph at once.

        Returns:
            `numeric`, float32 of shape (n_rows, width), and `categorical`, int32 of shape (n_rows, columns), each only
            where the layout has columns for it.
        """
        import tensorflow as tf

        rows = len(next(iter(tensors.values())))
        parts = []
        for start in range(0, max(rows, 1), batch_rows):
            own = slice(start, start + batch_rows)
            batch = {name: tf.constant(tensors[name][own], dtype) for name, dtype in self._inputs}
            if fold is not None and hasattr(self.loaded, "training_fn"):
                outputs = self.loaded.training_fn(batch, tf.constant(fold[own], tf.int64))
            else:
                outputs = self.loaded.transform_fn(batch)
            parts.append({name: output.numpy() for name, output in outputs.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @property
    def _inputs(self) -> list[tuple[str, Any]]:
        (positional, _) = self.loaded.transform_fn.concrete_functions[0].structured_input_signature
        return [(name, spec.dtype) for name, spec in positional[0].items()]
