"""What is found of a series of windows, and how it reads in a decision."""

from dataclasses import asdict, dataclass
from typing import Any

from foldline.data.detect_drift.policy import Policy

DRIFT, NO_DRIFT, NOT_ENOUGH, FAULT = "drift", "no drift", "not enough data", "fault"
WATCH, QUIET = "watch", "quiet"
# Ranked: what is nearer to the harm comes first.
TIERS = ("performance", "prediction", "label", "input", "joint")


@dataclass(frozen=True)
class Member:
    """One statistic of one window: a column, a performance metric, or the joint change of all inputs.

    Attributes:
        name: the column's, or `log_loss`, `squared_error`, `roc_auc`, `joint`.
        tier: one of `TIERS`.
        measure: what `effect` is: `divergence` (Jensen-Shannon, base 2), `loss_increase` (share of the reference's),
            `area_loss`, `domain_area` (area under the ROC curve of the domain classifier).
        effect: how large the change is, in its measure.
        floor: the least effect that can alarm.
        psi: Population Stability Index, of columns; None for other members.
        deviation: how far the change is from the usual one of earlier pairs, in their median absolute deviations.
        threshold: the deviation above which the member would have alarmed; None where any would.
        p: adjusted for all members of the window; 1 where the effect is below its floor.
        alarm: `p` is at most alpha.
        fault: what the change looks like where that is a fault of the data's source, else empty.
    """

    name: str
    tier: str
    measure: str
    effect: float
    floor: float
    psi: float | None
    deviation: float
    threshold: float | None
    p: float
    alarm: bool
    fault: str = ""


@dataclass(frozen=True)
class Distribution:
    """Shares of a column's bins in a window and in the slice of the reference that it is compared with.

    Attributes:
        bins: their names; of numbers the intervals, else categories, `other`, `unseen`; `missing` last.
        window, reference: share of the rows in each bin.
    """

    column: str
    bins: tuple[str, ...]
    window: tuple[float, ...]
    reference: tuple[float, ...]


@dataclass(frozen=True)
class Window:
    """One window.

    Attributes:
        start, end: ISO 8601; the end is not in the window.
        lag: number of periods from the reference's end to this window's, at least 1.
        rows: in the window.
        state: `drift`, `watch` (alarms, but not often enough yet), `quiet`, `fault` or `not enough data`: what it was
            when the window was the newest.
        reason: of `fault` and `not enough data`, else empty.
        p: the smallest of its members; None where it was not judged.
        nulls: number of pairs of earlier periods that it was ranked among.
        slice_periods: number of the reference's newest periods that it was compared with.
        members: tier by tier, the smallest p first; empty where the window was not judged.
        distributions: of its columns.
        unjudged: what is watched and could not be judged in this window, with the reason, as labels that have not come.
    """

    start: str
    end: str
    lag: int
    rows: int
    state: str
    reason: str
    p: float | None
    nulls: int
    slice_periods: int
    members: tuple[Member, ...]
    distributions: tuple[Distribution, ...] = ()
    unjudged: tuple[str, ...] = ()

    @property
    def alarms(self) -> tuple[Member, ...]:
        """The members that alarm."""
        return tuple(member for member in self.members if member.alarm)


@dataclass(frozen=True)
class Excluded:
    """A column that is not watched, and why."""

    column: str
    reason: str


@dataclass(frozen=True)
class Event:
    """Drift that is going on: two reports of one event have the same key.

    Attributes:
        key: sha256 over the reference's (or model's) digest, the tier and the onset, in hexadecimal.
        tier: the highest that alarmed in the onset window.
        onset: start of the first window that alarmed, ISO 8601.
    """

    key: str
    tier: str
    onset: str


@dataclass(frozen=True)
class Findings:
    """What is found of a whole series.

    Attributes:
        verdict: `drift`, `no drift`, `not enough data` or `fault`, of the newest window.
        reasons: sentences, the deciding one first, then those of the alarms, tier by tier.
        event: the drift that is going on, None where there is none.
        windows: oldest first.
        excluded: columns that are not watched.
        reference: `digest` (of the model, where there is one), `start`, `end`, `rows` and `periods` of the reference,
            `every_s`, and `model_version` (empty where it is not scored).
        policy: what the figures were held against.
    """

    verdict: str
    reasons: tuple[str, ...]
    event: Event | None
    windows: tuple[Window, ...]
    excluded: tuple[Excluded, ...]
    reference: dict[str, Any]
    policy: Policy

    @property
    def newest_judged(self) -> Window | None:
        """The newest window that has members; None where none has."""
        return next((window for window in reversed(self.windows) if window.members), None)

    def figures(self) -> dict[str, Any]:
        """Every figure, for a decision: `event` (an empty object where there is none), `windows` (each with its
        `members`), `distributions` of the newest judged window, `excluded`, `reference`."""
        windows = [asdict(window) for window in self.windows]
        for window in windows:
            del window["distributions"]
        newest = self.newest_judged
        return {
            "event": asdict(self.event) if self.event else {},
            "windows": windows,
            "distributions": [asdict(one) for one in newest.distributions] if newest else [],
            "excluded": [asdict(column) for column in self.excluded],
            "reference": self.reference,
        }
