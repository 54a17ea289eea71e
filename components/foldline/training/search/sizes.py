"""How many models a stack has that trains some points: a program that is there may be cheaper than one of their number.

Between folds trials are stopped, so that a stack of every number from all to one would be compiled.
"""

from collections.abc import Hashable

# To trace and compile the program of a small perceptron, on two processors.
COMPILATION_S = 4.0


class Sizes:
    """The stacks that have been trained, by kind of model, and the seconds that one fold took."""

    def __init__(self) -> None:
        self._seconds: dict[Hashable, dict[int, float]] = {}

    @property
    def known(self) -> bool:
        """Whether anything has been trained."""
        return bool(self._seconds)

    def of(self, kind: Hashable, count: int) -> int:
        """Models of the stack for `count` points: `count`, or the next larger stack that has been trained where models
        that only fill it cost less than another compilation."""
        trained = self._seconds.get(kind, {})
        larger = min((size for size in trained if size > count), default=0)
        if count in trained or not larger:
            return count
        filling_s = trained[larger] * (1.0 - count / larger)
        return larger if filling_s < COMPILATION_S else count

    def note(self, kind: Hashable, size: int, seconds: float) -> None:
        """Keep what a fold took; the first one holds the compilation, so the least counts."""
        trained = self._seconds.setdefault(kind, {})
        trained[size] = min(seconds, trained.get(size, seconds))
