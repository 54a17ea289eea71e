"""What comes of a training."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from foldline.training.fitting.mode import Mode
from foldline.training.fitting.state import Variables


@dataclass
class Fitted:
    """Trained models.

    Attributes:
        variables: values of each model's variables after its kept epoch; first axis K, on the host.
        names: names of the trainable and of the other variables.
        predictions: for each model those of its validation rows, shape (n_rows, task.outputs).
        kept: the epoch whose weights each model has.
        training_loss: a list for each epoch with the mean loss of each model.
        validation_loss: the same; begins with epoch 0 where there was a start.
        steepest: the same with the largest norm of a step's gradient.
        bytes_per_model: size of one model's variables and optimiser state.
        seconds: time of the epochs, compilation included.
        mode: how many models were trained at once, and why.
        device: what they were trained on, and `gpu`: its use, where it is known.
        learning_rates: that of each epoch, where callbacks may set it; else empty.
        each_epoch: for each validated epoch the predictions of each model, where they were asked for.
        failures: by its number in the stack, why a model ended early with a loss that is not finite; its variables,
            predictions and kept epoch mean nothing where it had kept none. Empty where such a loss is an error.
    """

    names: tuple[list[str], list[str]]
    mode: Mode
    device: str
    bytes_per_model: int
    variables: Variables = field(default_factory=lambda: Variables([], []))
    predictions: list[NDArray[np.float32]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    seconds: float = 0.0
    training_loss: list[list[float]] = field(default_factory=list)
    validation_loss: list[list[float]] = field(default_factory=list)
    steepest: list[list[float]] = field(default_factory=list)
    gpu: dict[str, float] = field(default_factory=dict)
    learning_rates: list[float] = field(default_factory=list)
    each_epoch: list[list[NDArray[np.float32]]] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Epochs that a model of all rows is to be trained for: the median of the kept ones."""
        return round(float(np.median(self.kept)))
