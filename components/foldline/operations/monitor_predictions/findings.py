"""What is found of the newest periods, a family of members at a time."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.operations.monitor_predictions.natural import Floats, judge

INPUTS, TRAFFIC, ESTIMATE, LABELS = "inputs", "traffic", "estimate", "labels"


@dataclass(frozen=True)
class Member:
    """What is said of one member of a family: a test of a column, a metric, a rate.

    Attributes:
        name: parted by `/`.
        value, usual: what it is in the newest judged period and what was to be expected, in its own unit.
        threshold: the value from which on that period alarms.
        p: adjusted for all members of the family, of that period.
        alarms: judged periods of the newest ones in which it alarms.
        is_alert: whether these are enough, and the newest judged period is one of them.
    """

    name: str
    value: float
    usual: float
    threshold: float | None
    p: float
    alarms: int
    is_alert: bool

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Family:
    """What is said of members that are judged together.

    Attributes:
        name: `inputs`, `traffic`, `estimate` or `labels`.
        judged: periods of the newest ones that are judged; 0 where none could be.
        nulls: periods that they are held against.
        p: of the newest judged period; 1 where there is none.
        members: those that the newest judged period has, the smallest p first.
        problem: why nothing is judged, in words; empty where something is.
    """

    name: str
    judged: int
    nulls: int
    p: float
    members: tuple[Member, ...]
    problem: str = ""

    @classmethod
    def unjudged(cls, name: str, problem: str) -> "Family":
        """A family about which nothing can be said."""
        return cls(name, 0, 0, 1.0, (), problem)

    @property
    def alerts(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.is_alert)

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self) | {"members": [member.to_json() for member in self.members]}


@dataclass(frozen=True)
class Observed:
    """One of the newest periods, with what it is held against.

    Attributes:
        number: of each member, large where things are bad; shape (n_members,). NaN where the period lacks it.
        value, usual: the member and what was to be expected of it, in its own unit; shape (n_members,).
        least: the number of an effect at its floor; shape (n_members,).
        nulls: the numbers of earlier periods; shape (n_nulls, n_members).
        resolution: what of each number is noise of sampling at any rate; shape (n_members,).
    """

    number: Floats
    value: Floats
    usual: Floats
    least: Floats
    nulls: Floats
    resolution: Floats


def family(
    name: str,
    members: Sequence[str],
    newest: Sequence[Observed],
    *,
    alpha: float,
    alarms: int,
    value_at: Callable[[Floats, Observed], Floats],
) -> Family:
    """Judge the newest periods, the oldest first.

    Args:
        members: their names.
        alpha: probability that a period alarms in any of them.
        alarms: periods, the newest among them, in which a member must alarm before it is an alert.
        value_at: of numbers of the members, shape (n_members,), the values in their own units.
    """
    judged = [judge(one.number, one.nulls, one.resolution, alpha) for one in newest]
    alarmed = np.stack(
        [(said.adjusted <= alpha) & (one.number >= one.least) for said, one in zip(judged, newest, strict=True)]
    )
    count, said, last = alarmed.sum(axis=0), judged[-1], newest[-1]
    threshold = value_at(np.maximum(said.threshold, last.least), last)
    has = np.flatnonzero(np.isfinite(last.number))
    found = [
        Member(
            name=members[index],
            value=float(last.value[index]),
            usual=float(last.usual[index]),
            threshold=float(threshold[index]) if np.isfinite(threshold[index]) else None,
            p=float(said.adjusted[index]),
            alarms=int(count[index]),
            is_alert=bool(alarmed[-1, index] and count[index] >= alarms),
        )
        for index in has[np.argsort(said.adjusted[has], kind="stable")]
    ]
    return Family(name, len(newest), len(last.nulls), said.p, tuple(found))


def newest_with(rows: NDArray[np.int64], least: int, most: int) -> list[int]:
    """The newest `most` periods that have at least `least` rows, the oldest first.

    They are among the newest `most` + 1, since the last one may have just begun.
    """
    return [period for period in range(max(0, len(rows) - most - 1), len(rows)) if rows[period] >= least][-most:]
