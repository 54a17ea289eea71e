"""When models stop, and which epoch's weights each of them keeps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class Stopping:
    """The rule of a training, fed with the validation losses of its epochs.

    Args:
        members: number of models.
        patience: epochs without a lower loss after which training stops; 0 keeps the last epoch.
        each: whether every model is judged by its own loss, not all by the mean.
    """

    def __init__(self, members: int, patience: int, *, each: bool) -> None:
        self._patience, self._each = patience, each
        self.best = np.full(members, np.inf)
        self.kept = np.zeros(members, dtype=np.int64)
        self.active: Mask = np.ones(members, dtype=bool)
        self.judged: Mask = np.ones(members, dtype=bool)

    def see(self, epoch: int, losses: NDArray[np.float64]) -> Mask:
        """Take the validation losses after `epoch`, shape (members,); which models keep this epoch, shape (members,).

        A model that has stopped keeps what it has.
        """
        if not self.judged.any():
            return self.judged
        own = losses if self._each else np.full(len(losses), losses[self.judged].mean())
        better = self.active & ((own < self.best) | (self._patience == 0))
        self.best = np.where(better, own, self.best)
        self.kept[better] = epoch
        if self._patience:
            self.active = self.active & (epoch - self.kept < self._patience)
        return better

    def drop(self, members: list[int]) -> None:
        """Stop these models and judge the others without them."""
        self.judged = self.judged.copy()
        self.judged[members] = False
        self.active = self.active & self.judged

    def state(self) -> dict[str, Any]:
        """Arrays that `restore` takes."""
        return {"best": self.best, "kept": self.kept, "active": self.active, "judged": self.judged}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.kept, self.active, self.judged = (
            np.array(state[name]) for name in ("best", "kept", "active", "judged")
        )
