"""What every place that remembers a rollout can do."""

from contextlib import AbstractContextManager
from typing import Protocol

from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.deploy_canary.rollout.word import Word


class Keeper(Protocol):
    """The memory of the rollouts of one model: at most one is under way."""

    def hold(self, wait_s: float) -> AbstractContextManager[None]:
        """A block in which no other task acts; waits up to `wait_s` seconds for one that does.

        Raises ServingError that names who holds it and since when.
        """
        ...

    def load(self) -> Record | None:
        """The last rollout of the model, ended or not; None where there was none."""
        ...

    def save(self, record: Record) -> None:
        """Replace what is remembered, completely or not at all.

        Raises ServingError where somebody else changed it meanwhile.
        """
        ...

    def word(self) -> Word:
        """What a person said last; the empty word where nobody did."""
        ...

    def say(self, word: Word) -> None:
        """Replace what a person said last."""
        ...
