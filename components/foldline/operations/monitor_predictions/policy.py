"""The policy of `monitor_predictions`: what the figures are held against."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from foldline import document
from foldline.errors import ArgumentError

_COUNTS = ("alarms", "of_periods", "minimum_rows")


@dataclass(frozen=True)
class Policy:
    """What counts as an alarm; `parse` checks it.

    Attributes:
        alpha: probability that one period alarms in any member of a family (inputs, traffic, estimate, labels) while
            nothing but natural variation is there.
        alarms: periods of the newest `of_periods`, the last one among them, in which a member must alarm before it is
            an alert.
        of_periods: see `alarms`.
        minimum_rows: a period with fewer rows is not judged.
        share_floor: change of a share (missing, unseen, out of range, predicted classes) below which nothing alarms.
        area_floor: loss of area under the ROC curve below which nothing alarms.
        loss_floor: increase of a loss, as a share of the reference's, below which nothing alarms.
        rate_floor: change of requests, latency, CPU or memory, as a factor, below which nothing alarms.
    """

    alpha: float = 0.05
    alarms: int = 2
    of_periods: int = 3
    minimum_rows: int = 200
    share_floor: float = 0.01
    area_floor: float = 0.01
    loss_floor: float = 0.02
    rate_floor: float = 1.25

    @classmethod
    def parse(cls, given: Any) -> Self:
        """The policy that `given` describes; a field that is not given has its default.

        Raises:
            ArgumentError: it has an unknown field, or one out of range.
        """
        document.known("policy", given, tuple(cls.__dataclass_fields__))
        read: dict[str, Any] = {
            name: document.whole(f"policy.{name}", value)
            if name in _COUNTS
            else document.number(f"policy.{name}", value, least=1 if name == "rate_floor" else 0)
            for name, value in given.items()
        }
        made = cls(**read)
        if not 0.0 < made.alpha < 1.0:
            raise ArgumentError("policy.alpha", expected="a number between 0 and 1", got=repr(made.alpha))
        if not 1 <= made.alarms <= made.of_periods:
            raise ArgumentError(
                "policy.alarms", expected=f"1 to {made.of_periods}, which of_periods is", got=repr(made.alarms)
            )
        if made.minimum_rows < 2:
            raise ArgumentError("policy.minimum_rows", expected="at least 2", got=repr(made.minimum_rows))
        return made

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)
