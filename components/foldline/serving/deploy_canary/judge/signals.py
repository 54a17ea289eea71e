"""What a gate counts in a window: trials and events of both arms. Pure."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

from foldline.serving.deploy_canary.gate import PARTS, Gate
from foldline.serving.deploy_canary.judge.evidence import Counts
from foldline.serving.deploy_canary.judge.windows import ArmWindow, Window
from foldline.serving.reading import Histogram

# Drift: predictions outside the bins that hold the champion's central 80 %.
_TAIL = 0.1
# A quantile is frozen when so many of the champion's values are expected beyond it.
_VALUES_BEYOND = 10


@dataclass(frozen=True)
class Pair:
    """Counts of one window."""

    champion: Counts
    challenger: Counts

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.champion + other.champion, self.challenger + other.challenger)

    def to_json(self) -> list[int]:
        """Trials and events of the champion, then of the challenger."""
        return [self.champion.trials, self.champion.events, self.challenger.trials, self.challenger.events]

    @classmethod
    def from_json(cls, kept: list[int]) -> "Pair":
        """What `to_json` gave."""
        return cls(Counts(*map(int, kept[:2])), Counts(*map(int, kept[2:])))


@dataclass(frozen=True)
class Reference:
    """The champion's own values in earlier windows, and the range that was frozen from them.

    Attributes:
        seen: values so far; None before the first.
        frozen: whether `low` and `high` stand.
        low, high: edges of bins; a value up to `low` or above `high` is an event; None where that side has none.
        cuts: of drift: edges that cut the champion's predictions into parts of about a fifth each.
    """

    seen: Histogram | None = None
    frozen: bool = False
    low: float | None = None
    high: float | None = None
    cuts: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same in plain values."""
        seen = None if self.seen is None else [list(self.seen.edges), list(self.seen.counts)]
        return {
            "seen": seen,
            "frozen": self.frozen,
            "low": self.low,
            "high": self.high,
            "cuts": list(self.cuts),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Reference":
        """What `to_json` gave."""
        seen = None
        if state["seen"] is not None:
            edges, counts = state["seen"]
            seen = Histogram(tuple(edges), tuple(map(int, counts)))
        return cls(seen, state["frozen"], state["low"], state["high"], tuple(state["cuts"]))


def count(gate: Gate, reference: Reference, window: Window) -> tuple[Pair | None, Reference, str]:
    """Trials and events of `window`, the reference after it, and why there are none.

    The window from which a range is frozen is not counted against it: the champion would have its own chance in it.
    """
    if gate.signal == "disagreement":
        return _disagreement(window), reference, "no comparison of mirrored requests in this look"
    if gate.signal in ("latency", "drift"):
        return _by_range(gate, reference, window)
    pair, problem = _errors(window) if gate.signal == "errors" else _answers(gate.signal, window)
    return pair, reference, problem


def _errors(window: Window) -> tuple[Pair | None, str]:
    """Whom the router could not serve, it could not serve because of the rollout: an error of the challenger."""
    unserved = window.unserved or 0
    nobody = ArmWindow(0, 0, None, None, None)
    # The counters of a challenger without a single ready server are often missing, and its users get the router's 5xx.
    challenger = window.challenger or (nobody if unserved else None)
    if window.champion is None or challenger is None or window.unserved_problem:
        return None, window.problem
    return (
        Pair(
            Counts(window.champion.requests, window.champion.errors),
            Counts(challenger.requests + unserved, challenger.errors + unserved),
        ),
        "",
    )


def _answers(signal: str, window: Window) -> tuple[Pair | None, str]:
    champion, challenger = window.champion, window.challenger
    if champion is None or challenger is None:
        return None, window.problem
    events, suspect = getattr(champion, signal), getattr(challenger, signal)
    if events is None or suspect is None:
        return None, f"{signal} answers are not counted for both arms"
    return Pair(Counts(champion.requests, events), Counts(challenger.requests, suspect)), ""


def event(gate: Gate, reference: Reference) -> str:
    """What counts as an event, in words."""
    if gate.signal == "latency":
        if gate.slower_than_ms is not None:
            return f"slower than {gate.slower_than_ms:g} ms"
        return f"slower than {reference.high:g} ms" if reference.high is not None else "slow"
    if gate.signal == "drift":
        low = "" if reference.low is None else f" up to {reference.low:g}"
        high = "" if reference.high is None else f" above {reference.high:g}"
        return "prediction" + " or".join(filter(None, (low, high)))
    return {
        "errors": "5xx or time-out",
        "invalid": "invalid answer",
        "refused": "4xx",
        "disagreement": "disagreeing answer",
    }[gate.signal]


def _disagreement(window: Window) -> Pair | None:
    if not window.compared or window.disagreeing is None or window.disagreeing > window.compared:
        return None
    return Pair(Counts(0, 0), Counts(window.compared, window.disagreeing))


def _by_range(gate: Gate, reference: Reference, window: Window) -> tuple[Pair | None, Reference, str]:
    what = "latency" if gate.signal == "latency" else "predictions"
    champion, challenger = (_values(gate, arm) for arm in (window.champion, window.challenger))
    if champion is None:
        return None, reference, window.problem or f"{what} of the champion: not measured in this look"
    if gate.slower_than_ms is not None:
        edge = next((edge for edge in champion.edges if edge >= gate.slower_than_ms), None)
        if edge is None:
            last = champion.edges[-1]
            return None, reference, f"no latency above {last:g} ms is told apart, so that slower_than_ms must be below"
        reference = Reference(frozen=True, high=edge)
    elif not reference.frozen:
        reference, problem = _freeze(gate, reference, champion)
        return None, reference, problem
    if challenger is None:
        return None, reference, window.problem or f"{what} of the challenger: not measured in this look"
    if challenger.edges != champion.edges:
        return None, reference, f"{what}: the arms have different bins"
    if any(bound is not None and bound not in champion.edges for bound in (reference.low, reference.high)):
        return None, reference, f"{what}: the bins are not those that the champion's range was frozen with"
    return Pair(_outside(champion, reference), _outside(challenger, reference)), reference, ""


def _values(gate: Gate, arm: ArmWindow | None) -> Histogram | None:
    if arm is None:
        return None
    return arm.latency_ms if gate.signal == "latency" else arm.predictions


def _freeze(gate: Gate, reference: Reference, champion: Histogram) -> tuple[Reference, str]:
    seen = champion
    if reference.seen is not None and reference.seen.edges == champion.edges:
        counts = tuple(first + last for first, last in zip(reference.seen.counts, champion.counts, strict=True))
        seen = Histogram(champion.edges, counts)
    reference = replace(reference, seen=seen)
    beyond = _TAIL if gate.champion_quantile is None else 1.0 - gate.champion_quantile
    needed = math.ceil(round(_VALUES_BEYOND / beyond, 6))
    if seen.total < needed:
        return reference, f"{seen.total} of the {needed} values of the champion that its range is frozen from"
    low, high = _quantile_edges(seen, beyond)
    if gate.signal == "latency":
        if high is None:
            return reference, f"over {beyond:.1%} of the champion's answers take more than {seen.edges[-1]:g} ms"
        return Reference(frozen=True, high=high), "the champion's quantile was frozen with this look"
    if low is None and high is None:
        return reference, "the bins of the predictions are too wide to tell the champion's central range"
    return Reference(
        frozen=True, low=low, high=high, cuts=_cuts(seen)
    ), "the champion's central range was frozen with this look"


def _quantile_edges(seen: Histogram, beyond: float) -> tuple[float | None, float | None]:
    """The highest edge with at most `beyond` of the values up to it, and the lowest with at most `beyond` above it."""
    low = high = None
    below = 0
    for edge, values in zip(seen.edges, seen.counts, strict=False):
        below += values
        if below <= beyond * seen.total:
            low = edge
        if high is None and seen.total - below <= beyond * seen.total:
            high = edge
    return low, high


def _cuts(seen: Histogram) -> tuple[float, ...]:
    """The edges at which a fifth, two fifths, … of the values are first reached; fewer where bins are wide."""
    cuts, below, reached = [], 0, 0
    for edge, number in zip(seen.edges, seen.counts, strict=False):
        below += number
        if reached < below * PARTS // seen.total < PARTS:
            reached = below * PARTS // seen.total
            cuts.append(edge)
    return tuple(cuts)


def parts(reference: Reference, window: Window) -> list[Pair]:
    """How many predictions of both arms are in each part of the frozen range; none where `count` told nothing."""
    arms = (window.champion, window.challenger)
    values = [arm.predictions for arm in arms if arm is not None and arm.predictions is not None]
    if len(values) < len(arms) or not reference.cuts:
        return []
    bounds = itertools.pairwise([-math.inf, *reference.cuts, math.inf])
    return [Pair(*(_between(of, low, high) for of in values)) for low, high in bounds]


def part(reference: Reference, position: int) -> str:
    """One of these parts, in words."""
    low, high = list(itertools.pairwise([-math.inf, *reference.cuts, math.inf]))[position]
    above = "" if math.isinf(low) else f" above {low:g}"
    return f"prediction{above}" + ("" if math.isinf(high) else f" up to {high:g}")


def _between(values: Histogram, low: float, high: float) -> Counts:
    bins = zip((*values.edges, math.inf), values.counts, strict=True)
    return Counts(values.total, sum(number for edge, number in bins if low < edge <= high))


def _outside(values: Histogram, reference: Reference) -> Counts:
    events = sum(
        number
        for edge, number in zip((*values.edges, math.inf), values.counts, strict=True)
        if (reference.low is not None and edge <= reference.low)
        or (reference.high is not None and edge > reference.high)
    )
    return Counts(values.total, events)
