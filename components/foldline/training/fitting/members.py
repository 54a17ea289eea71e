"""The models of a training in groups, each group one program, that take turns within each epoch."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from foldline.training.fitting.devices import Devices
from foldline.training.fitting.orders import epoch_order, evaluation_chunks, steps_of
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.stack import Stack, data_of
from foldline.training.fitting.state import Arrays, Epoch, State, Variables
from foldline.training.fitting.variation import Variation

# Of free memory: data that need more are sent for each group's turn, not kept.
DATA_SHARE = 0.5


class Members:
    """The models of a training.

    One group stays on the device. Several wait in the host's memory for their turn, so that a training needs no more
    device memory than one group; what they compute does not depend on the groups.

    Args:
        size: most models of a group.
        class_weight: shape (K, n_classes), or None.
        variation: in what the models differ, or None.
    """

    def __init__(
        self,
        stack: Stack,
        rows: Rows,
        *,
        size: int,
        batch_size: int,
        seed: int,
        class_weight: NDArray[np.float32] | None,
        variation: Variation | None,
        devices: Devices,
    ) -> None:
        self._stack, self._rows, self._devices = stack, rows, devices
        self._batch_size, self._seed, self._class_weight = batch_size, seed, class_weight
        self._variation = variation
        self._most_steps = int(steps_of(rows.training, batch_size).max())
        self._longest = max(len(own) for own in rows.validation)
        self._states: list[State] = []
        self._kept: list[Variables] = []
        self._applied: list[Any] = []
        self._predictions: list[Any] = []
        self._ordered: tuple[int, list[Any]] = (0, [])
        self._cut(size)

    @property
    def count(self) -> int:
        return len(self._rows.folds)

    @property
    def size(self) -> int:
        """Most models of a group."""
        return self._groups[0].stop

    def initialise(self, begin: Mapping[str, NDArray[np.float32]] | None, weights_file: str) -> None:
        """Make every model, with other initial values where they are given.

        Args:
            begin: as `Blueprint.begun` takes them, for all models.
            weights_file: Keras weights file, or empty.
        """
        self._states = []
        for group in self._groups:
            own = begin and {path: value[group] for path, value in begin.items()}
            rates = self._variation and self._variation.learning_rate[group]
            state = self._stack.initial(self._rows.folds[group], own, weights_file, rates)
            self._states.append(self._waiting(state))

    def bytes_per_model(self) -> int:
        """Size of one model's variables and optimiser state."""
        return int(sum(leaf.nbytes for leaf in jax.tree.leaves(self._states[0]))) // self.size

    def footprint(self) -> int:
        """Bytes that a training step of one group needs on each device, data included; compiles the program."""
        group = self._groups[0]
        ((order, steps),) = self._orders(1)[:1]
        return self._stack.training_footprint(self._states[0], self._data(0), order, steps, *self._own(group))

    def train(self, epoch: int, active: NDArray[np.bool_]) -> Epoch:
        """Train the active models for `epoch`; float64 figures, shape (K,), 0 for the others."""
        orders = self._orders(epoch)
        figures = []
        for index, (group, (order, steps)) in enumerate(zip(self._groups, orders, strict=True)):
            if not active[group].any():
                figures.append(Epoch(np.zeros(len(steps)), np.zeros(len(steps))))
                continue
            state, told = self._stack.train_epoch(
                self._states[index], self._data(index), order, steps * active[group], *self._own(group)
            )
            self._states[index] = self._waiting(state)
            figures.append(told)
        # While the program runs, its next batches are drawn.
        self._ordered = (epoch + 1, self._drawn(epoch + 1))
        loss, steepest = (
            np.concatenate([np.asarray(getattr(told, name), dtype=np.float64) for told in figures])
            for name in ("loss", "steepest")
        )
        return Epoch(loss, steepest)

    def validate(self) -> NDArray[np.float64]:
        """Mean validation loss of each model, shape (K,); `keep` then knows the predictions."""
        losses, self._applied = [], []
        for index, (state, (chunks, counts)) in enumerate(zip(self._states, self._chunks, strict=True)):
            loss, predictions = self._stack.evaluate(state.variables, self._data(index), chunks, counts)
            losses.append(np.asarray(loss, dtype=np.float64))
            self._applied.append(self._waiting(predictions))
        return np.concatenate(losses)

    def keep(self, better: NDArray[np.bool_]) -> None:
        """Keep variables and predictions of these models, shape (K,), as they are now."""
        for index, group in enumerate(self._groups):
            now = (self._states[index].variables, self._applied[index])
            if len(self._kept) <= index:
                self._kept.append(self._waiting(_copied(now[0])))
                self._predictions.append(now[1])
            elif better[group].any():
                before = (self._kept[index], self._predictions[index])
                chosen = self._waiting(_chosen(jnp.asarray(better[group]), now, before))
                self._kept[index], self._predictions[index] = chosen

    def kept(self) -> tuple[Variables, list[NDArray[np.float32]]]:
        """The kept variables, first axis K, and each model's predictions, on the host."""
        variables = _joined([jax.device_get(kept) for kept in self._kept])
        return variables, self._cropped(self._predictions)

    def applied(self) -> list[NDArray[np.float32]]:
        """Predictions of the last `validate`, a model's after another's, on the host."""
        return self._cropped(self._applied)

    def regroup(self, size: int) -> None:
        """Go on in groups of another size."""
        state = self.state()
        self._cut(size)
        self.restore(state)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on, whatever the groups: trees of arrays on the host, first axis K."""
        content = {"states": _joined([jax.device_get(state) for state in self._states])}
        if self._kept:
            content["kept"] = _joined([jax.device_get(kept) for kept in self._kept])
            content["predictions"] = np.concatenate([np.asarray(values) for values in self._predictions])
        return content

    def restore(self, content: dict[str, Any]) -> None:
        def part(tree: Any, group: slice) -> Any:
            return self._waiting(jax.tree.map(lambda leaf: leaf[group], tree))

        self._states = [part(content["states"], group) for group in self._groups]
        self._kept, self._predictions = [], []
        if "kept" in content:
            self._kept = [part(content["kept"], group) for group in self._groups]
            self._predictions = [part(content["predictions"], group) for group in self._groups]

    def learning_rate(self) -> float | None:
        return self._stack.learning_rate(self._states[0])

    def set_learning_rate(self, rate: float) -> None:
        self._states = [self._waiting(self._stack.with_learning_rate(state, rate)) for state in self._states]

    def _cut(self, size: int) -> None:
        count = math.ceil(self.count / size)
        size = math.ceil(self.count / count)
        self._groups = [slice(first, min(first + size, self.count)) for first in range(0, self.count, size)]
        self._ordered = (0, [])
        alone = len(self._groups) == 1
        # What lies on the device is given back first, or it would count as taken and be there twice.
        self._stored: Arrays | None = None
        self._sent = not alone and self._rows.nbytes > DATA_SHARE * self._devices.free_bytes()
        self._group_rows = [self._rows.of(group) if self._sent else _view(self._rows, group) for group in self._groups]
        if not self._sent:
            self._stored = self._devices.everywhere(data_of(self._rows))
        self._chunks = [evaluation_chunks(rows.validation, longest=self._longest) for rows in self._group_rows]

    def _data(self, index: int) -> Arrays:
        if self._stored is not None:
            return self._stored
        data = data_of(self._group_rows[index])
        length = max(len(rows.label) for rows in self._group_rows)
        # Equal shapes, so that all groups share one program.
        padded = {
            name: np.pad(values, [(0, length - len(values)), *[(0, 0)] * (values.ndim - 1)])
            for name, values in data.items()
        }
        sent: Arrays = self._devices.everywhere(padded)
        return sent

    def _orders(self, epoch: int) -> list[Any]:
        if self._ordered[0] != epoch:
            self._ordered = (epoch, self._drawn(epoch))
        return self._ordered[1]

    def _drawn(self, epoch: int) -> list[Any]:
        return [
            epoch_order(
                rows.training,
                rows.folds,
                seed=self._seed,
                epoch=epoch,
                batch_size=self._batch_size,
                length=self._most_steps,
            )
            for rows in self._group_rows
        ]

    def _own(self, group: slice) -> Any:
        """Class weights and variation of these models, on the device."""
        weights = None if self._class_weight is None else self._class_weight[group]
        return self._devices.everywhere((weights, self._variation and self._variation.of(group).traced()))

    def _waiting(self, tree: Any) -> Any:
        """`tree` where it waits for its group's next turn."""
        return self._devices.everywhere(tree) if len(self._groups) == 1 else jax.device_get(tree)

    def _cropped(self, predictions: list[Any]) -> list[NDArray[np.float32]]:
        stacked = np.concatenate([np.asarray(values) for values in predictions])
        return [values[: len(own)] for values, own in zip(stacked, self._rows.validation, strict=True)]


def _view(rows: Rows, group: slice) -> Rows:
    return Rows(rows.folds[group], rows.features, rows.label, rows.training[group], rows.validation[group], rows.weight)


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


@jax.jit
def _chosen(better: Any, now: Any, before: Any) -> Any:
    def one(after: Any, old: Any) -> Any:
        return jnp.where(better.reshape(-1, *[1] * (after.ndim - 1)), after, old)

    return jax.tree.map(one, now, before)


@jax.jit
def _copied(tree: Any) -> Any:
    return jax.tree.map(jnp.copy, tree)
