"""The epochs of a stack of models: progress, early stopping, the best weights, and errors that name fold and epoch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ArgumentError, ModelCodeError, TrainingError
from foldline.training.stack import Arrays, Positions, Stack, Variables, epoch_order, evaluation_chunks

SMALLEST_BATCH = 16
LARGEST_BATCH = 1024
ROWS_PER_STEP = 50
FIX = "Lower learning_rate, or look for extreme values in the features and the label."


@dataclass(frozen=True)
class Rows:
    """Transformed rows of all models of a stack, one model's after another's.

    Attributes:
        folds: number of each model's fold; -1 for the model of all training rows.
        features: `numeric` and `categorical` as the transform gives them, rows along the first axis.
        label: shape (n_rows,), float32: index of the class, or the standardised value.
        training: for each model the positions of the rows that it is trained on.
        validation: for each model the positions of the rows that it is applied to.
    """

    folds: tuple[int, ...]
    features: Arrays
    label: NDArray[np.float32]
    training: tuple[Positions, ...]
    validation: tuple[Positions, ...]


@dataclass
class Fitted:
    """Trained models.

    Attributes:
        variables: values of each model's variables after `epochs` epochs; first axis K, on the host.
        names: names of the trainable and of the other variables.
        predictions: for each model those of its validation rows, shape (n_rows, task.outputs).
        epochs: number of epochs that the weights have seen.
        training_loss: a list for each epoch with the mean loss of each model.
        validation_loss: the same; begins with epoch 0 where there was a start.
        bytes_per_model: size of one model's variables and optimiser state.
        seconds: time of the epochs, compilation included.
    """

    variables: Variables
    names: tuple[list[str], list[str]]
    predictions: list[NDArray[np.float32]]
    epochs: int
    bytes_per_model: int
    seconds: float
    training_loss: list[list[float]] = field(default_factory=list)
    validation_loss: list[list[float]] = field(default_factory=list)


def choose_batch_size(rows: int) -> int:
    """The batch size for a smallest fold of `rows` training rows: the power of two nearest to a fiftieth of them, from
    16 to 1024, and never more than there are rows."""
    power = 2 ** round(np.log2(max(rows / ROWS_PER_STEP, 1.0)))
    return int(min(max(power, SMALLEST_BATCH), LARGEST_BATCH, rows))


def fit(
    make_model: Callable[[], keras.Model],
    task: Task,
    rows: Rows,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    patience: int = 0,
    start: Mapping[str, NDArray[np.float32]] | None = None,
    say: Callable[[str], None] = print,
) -> Fitted:
    """Train one model a fold, all at once.

    Args:
        epochs: most epochs; all of them without `patience`. With `start` it may be 0.
        batch_size: at most the number of training rows of the smallest fold.
        patience: the models stop together once the mean of their validation losses has not fallen for so many epochs,
            and all get the weights of the epoch in which that mean was lowest. 0: no early stop, and the validation
            rows are predicted once, at the end.
        start: initial values as `Stack.begin` takes them. They are epoch 0, which may turn out to be the best.
        say: takes a line for each epoch.

    Raises:
        ArgumentError: the batch is larger than a fold.
        TrainingError: a loss is not finite; names fold and epoch.
        ModelCodeError: the predictions of a classification are no probabilities.
    """
    smallest = min(len(own) for own in rows.training)
    if not 1 <= batch_size <= smallest:
        raise ArgumentError(
            "batch_size", expected=f"1 to {smallest}, the training rows of the smallest fold", got=str(batch_size)
        )
    started = time.monotonic()
    stack = Stack(make_model, task, folds=rows.folds, learning_rate=learning_rate, seed=seed)
    data = jax.device_put({**rows.features, "label": rows.label})
    chunks, counts = evaluation_chunks(rows.validation)
    result = Fitted(stack.state.variables, stack.variable_names(), [], 0, stack.bytes_per_model, 0.0)
    best, variables, predictions = np.inf, None, None

    def validate(epoch: int) -> float:
        nonlocal best, variables, predictions
        running, predicted = stack.evaluate(data, chunks, counts)
        loss = np.asarray(running, dtype=np.float64)
        _check_finite("validation loss", loss, rows.folds, epoch)
        result.validation_loss.append(loss.tolist())
        if not patience or loss.mean() < best:
            _check_probabilities(task, predicted)
            best, result.epochs = loss.mean(), epoch
            variables, predictions = stack.variables(), predicted
        return float(loss.mean())

    if start is not None:
        stack.begin(start)
        if patience or not epochs:
            say(f"linear start: validation loss {validate(0):.5f}")
    order = epoch_order(rows.training, rows.folds, seed=seed, epoch=1, batch_size=batch_size)
    first_epoch_ended = 0.0
    for epoch in range(1, epochs + 1):
        running = stack.train_epoch(data, *order)
        if epoch < epochs:
            order = epoch_order(rows.training, rows.folds, seed=seed, epoch=epoch + 1, batch_size=batch_size)
        loss = np.asarray(running, dtype=np.float64)
        _check_finite("training loss", loss, rows.folds, epoch)
        result.training_loss.append(loss.tolist())
        shown = ""
        if patience or epoch == epochs:
            validation = validate(epoch)
            shown = f", validation loss {validation:.5f}" if patience else ""
        now = time.monotonic()
        first_epoch_ended = first_epoch_ended or now
        left = (now - first_epoch_ended) / max(epoch - 1, 1) * (epochs - epoch)
        say(f"epoch {epoch}/{epochs}: training loss {loss.mean():.5f}{shown}, at most {left:.0f} s left")
        if patience and epoch - result.epochs >= patience:
            say(f"stopped: no lower mean validation loss for {patience} epochs; epoch {result.epochs} is kept")
            break
    result.variables = jax.device_get(variables)
    stacked = np.asarray(predictions)
    result.predictions = [stacked[index, :count] for index, count in enumerate(counts)]
    result.seconds = time.monotonic() - started
    return result


def _check_finite(what: str, loss: NDArray[np.float64], folds: Sequence[int], epoch: int) -> None:
    wrong = np.flatnonzero(~np.isfinite(loss))
    if len(wrong):
        fold = folds[wrong[0]]
        place = f"fold {fold}" if fold >= 0 else "all training rows"
        raise TrainingError(
            f"{what} of {place} in epoch {epoch}", expected="a finite number", got=str(loss[wrong[0]]), fix=FIX
        )


def _check_probabilities(task: Task, predictions: jax.Array) -> None:
    if not task.is_classification:
        return
    low, high = float(predictions.min()), float(predictions.max())
    total = predictions.sum(axis=-1)
    summed = task.kind == "binary" or float(abs(total - 1.0).max()) < 1e-3
    if low < 0.0 or high > 1.0 or not summed:
        raise ModelCodeError(
            "output of the model",
            expected="probabilities in [0, 1]" + ("" if task.kind == "binary" else " that sum to 1 in each row"),
            got=f"values from {low:.4g} to {high:.4g}" + ("" if summed else f", sums up to {float(total.max()):.4g}"),
            fix="End with activation=inputs.activation.",
        )
