"""What is a reason for a run, and how often runs may start. Pure."""

from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any, Self

from foldline import document
from foldline.durations import seconds_of
from foldline.errors import ArgumentError

BUDGET_WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class Policy:
    """All that decides beside the decisions that come in; `parse` checks it.

    Attributes:
        on_drift: whether drift of predictions, labels or inputs is a reason.
        on_performance: whether worse performance is.
        new_rows: so many labelled rows since the champion's training are a reason, and again each time as many; 0 for
            never.
        new_days: the same for days from the champion's training to the newest labelled row.
        cooldown: duration from one start to the next, such as 7d.
        monthly_budget: most starts within 30 days.
        time_parameter: of the pipeline, which is given the end of the newest window; empty to give nothing.
    """

    on_drift: bool = True
    on_performance: bool = True
    new_rows: int = 0
    new_days: float = 0.0
    cooldown: str = "7d"
    monthly_budget: int = 4
    time_parameter: str = "time_end"

    @classmethod
    def parse(cls, stated: Any) -> Self:
        """The policy that `stated` holds; what it leaves out has its default.

        Raises:
            ArgumentError: an unknown key, or a value that cannot be.
        """
        document.known("policy", stated, tuple(one.name for one in fields(cls)))
        given = asdict(cls()) | stated
        seconds_of(given["cooldown"], argument="policy.cooldown")
        if not isinstance(given["time_parameter"], str):
            raise ArgumentError("policy.time_parameter", expected="text", got=repr(given["time_parameter"]))
        return cls(
            on_drift=document.flag("policy.on_drift", given["on_drift"]),
            on_performance=document.flag("policy.on_performance", given["on_performance"]),
            new_rows=document.whole("policy.new_rows", given["new_rows"]),
            new_days=document.number("policy.new_days", given["new_days"], least=0),
            cooldown=given["cooldown"],
            monthly_budget=document.whole("policy.monthly_budget", given["monthly_budget"]),
            time_parameter=given["time_parameter"],
        )

    @property
    def cooldown_time(self) -> timedelta:
        return timedelta(seconds=seconds_of(self.cooldown, argument="policy.cooldown"))

    def to_json(self) -> dict[str, Any]:
        """The whole document, defaults included; `parse` of it gives an equal policy."""
        return asdict(self)
