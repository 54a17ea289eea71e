"""The policy of `detect_drift`: what counts as an alarm, and what as drift."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Self

from foldline import document
from foldline.data.detect_drift.periods import LEAST_NULLS
from foldline.errors import ArgumentError


@dataclass(frozen=True)
class Policy:
    """What the figures are held against; `parse` checks it.

    Attributes:
        alpha: probability that a window alarms in any member while nothing but natural variation is there.
        clear: p-value of a window above which drift that was found is over.
        alarms: windows that must alarm for drift, out of the newest `of_windows`.
        of_windows: see `alarms`.
        minimum_rows: a window, or a period of the reference, with fewer rows is not judged by.
        divergence_floor: Jensen-Shannon divergence (base 2) of a column below which no alarm is raised.
        area_floor: loss of area under the ROC curve below which no alarm is raised.
        loss_floor: increase of the loss, as a share of the reference's, below which no alarm is raised.
        joint_floor: area under the ROC curve of the domain classifier below which no alarm is raised.
    """

    alpha: float = 0.05
    clear: float = 0.2
    alarms: int = 2
    of_windows: int = 3
    minimum_rows: int = 500
    divergence_floor: float = 0.02
    area_floor: float = 0.01
    loss_floor: float = 0.02
    joint_floor: float = 0.55

    @classmethod
    def parse(cls, given: Any) -> Self:
        """The policy that `given` describes; a field that is not given has its default.

        Raises:
            ArgumentError: a field is unknown or has a value that it cannot have.
        """
        document.known("policy", given, tuple(cls.__dataclass_fields__))
        return cls(**{name: _READ[name](f"policy.{name}", value) for name, value in given.items()})._checked()

    @property
    def least_nulls(self) -> int:
        """So many earlier pairs are needed for a p-value of alpha, and at least 19."""
        return max(LEAST_NULLS, math.ceil(1.0 / self.alpha - 1e-9) - 1)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def _checked(self) -> Self:
        for name, right, expected in (
            ("clear", self.clear >= self.alpha, f"at least alpha, which is {self.alpha:g}"),
            ("alarms", 1 <= self.alarms <= self.of_windows, f"1 to {self.of_windows}, which of_windows is"),
            ("minimum_rows", self.minimum_rows >= 100, "at least 100"),
        ):
            if not right:
                raise ArgumentError(f"policy.{name}", expected=expected, got=repr(getattr(self, name)))
        return self


_share = partial(document.number, least=0, below=1)
# What reads each field.
_READ: dict[str, Callable[[str, Any], Any]] = {
    "alpha": partial(document.number, above=0, most=0.2),
    "clear": _share,
    "alarms": document.whole,
    "of_windows": document.whole,
    "minimum_rows": document.whole,
    "divergence_floor": _share,
    "area_floor": _share,
    "loss_floor": partial(document.number, least=0),
    "joint_floor": partial(document.number, least=0.5, below=1),
}
