"""The policy of `detect_drift`: what counts as an alarm, and what as drift."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from foldline.data.detect_drift.periods import LEAST_NULLS
from foldline.errors import ArgumentError

_COUNTS = ("alarms", "of_windows", "minimum_rows")


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
    def parse(cls, document: Any) -> Self:
        """The policy that `document` describes; a field that is not given has its default.

        Raises:
            ArgumentError: a field is unknown or has a value that it cannot have.
        """
        if not isinstance(document, dict):
            raise ArgumentError("policy", expected="an object", got=repr(document)[:200])
        fields = cls.__dataclass_fields__
        unknown = [name for name in document if name not in fields]
        if unknown:
            raise ArgumentError("policy", expected=f"no fields but {', '.join(fields)}", got=repr(unknown[0]))
        values: dict[str, Any] = {name: _value(name, value) for name, value in document.items()}
        found = cls(**values)
        found._check()
        return found

    @property
    def least_nulls(self) -> int:
        """So many earlier pairs are needed for a p-value of alpha, and at least 19."""
        return max(LEAST_NULLS, math.ceil(1.0 / self.alpha - 1e-9) - 1)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def _check(self) -> None:
        for name, right, expected in (
            ("alpha", 0 < self.alpha <= 0.2, "a number above 0 and at most 0.2"),
            ("clear", self.alpha <= self.clear < 1, f"a number from alpha, {self.alpha:g}, to below 1"),
            ("of_windows", self.of_windows >= 1, "at least 1"),
            ("alarms", 1 <= self.alarms <= self.of_windows, f"from 1 to of_windows, {self.of_windows}"),
            ("minimum_rows", self.minimum_rows >= 100, "at least 100"),
            ("divergence_floor", 0 <= self.divergence_floor < 1, "a number from 0 to below 1"),
            ("area_floor", 0 <= self.area_floor < 1, "a number from 0 to below 1"),
            ("loss_floor", self.loss_floor >= 0, "a number of at least 0"),
            ("joint_floor", 0.5 <= self.joint_floor < 1, "a number from 0.5 to below 1"),
        ):
            if not right:
                raise ArgumentError(f"field {name!r} of policy", expected=expected, got=repr(getattr(self, name)))


def _value(name: str, value: Any) -> float | int:
    what = f"field {name!r} of policy"
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ArgumentError(what, expected="a number", got=repr(value)[:200])
    if name not in _COUNTS:
        return float(value)
    # A local run makes a float of each whole number inside a document.
    if value != int(value):
        raise ArgumentError(what, expected="a whole number", got=repr(value))
    return int(value)
