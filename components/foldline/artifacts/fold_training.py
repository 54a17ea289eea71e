"""FoldTraining: one fold trained in a task of its own, with its predictions after every epoch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.seal import open_sealed, seal

FORM = "foldline.fold_training/1"
MANIFEST = "fold_training.json"
PREDICTIONS = "predictions.npy"
FIELDS = ("fold", "determined_by", "first_epoch", "training_loss", "validation_loss", "facts")


@dataclass(frozen=True)
class FoldTraining:
    """The training of one fold.

    Attributes:
        determined_by: all that the training depends on beside the fold.
        first_epoch: 0 where the start was validated, else 1.
        training_loss: of each epoch, from the first.
        validation_loss: after each epoch, from `first_epoch`.
        predictions: shape (n_validated, n_rows, task.outputs), float32: of the fold's rows after each of these epochs.
        facts: mode, device, seconds, versions.
    """

    fold: int
    determined_by: dict[str, Any]
    first_epoch: int
    training_loss: list[float]
    validation_loss: list[float]
    predictions: NDArray[np.float32]
    facts: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write it to the new folder `path`."""
        path.mkdir(parents=True)
        np.save(path / PREDICTIONS, self.predictions, allow_pickle=False)
        seal(path, MANIFEST, FORM, {name: getattr(self, name) for name in FIELDS})

    @classmethod
    def read(cls, path: Path) -> Self:
        """The training in the folder `path`.

        Raises:
            ArtifactError: it is torn, edited, or no training of a fold.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        predictions = np.load(path / PREDICTIONS, allow_pickle=False)
        return cls(predictions=predictions, **{name: manifest[name] for name in FIELDS})
