"""Stacks that outlive a training: the next one of equal models on other rows need not trace its programs again."""

from collections.abc import Callable, Hashable

from foldline.training.fitting.stack import Stack


class Stacks:
    """The stacks that were used last.

    Models are equal where `fit` would make the same stack of them: the same model and task, and the same settings but
    for what a `Variation` holds. As when a model is exported, what is no variable of it, such as a random number that
    its function draws and keeps, is that of the first of them.

    Args:
        most: stacks that are kept; each holds its compiled programs.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, Stack] = {}

    def of(self, models: Hashable, anew: Callable[[], Stack]) -> Stack:
        """The stack of equal models, or a new one.

        Args:
            models: equal for equal models, and for no others.
            anew: makes a stack.
        """
        stack = self._kept.pop(models, None) or anew()
        self._kept[models] = stack
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return stack
