"""The course of a series: which windows are drift, when it began, and which are natural variation for those after."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from foldline.data.detect_drift.findings import DRIFT, FAULT, NOT_ENOUGH, QUIET, WATCH
from foldline.data.detect_drift.policy import Policy


@dataclass(frozen=True)
class Look:
    """What is known of one window by itself.

    Attributes:
        p: None where the window was not judged.
        alarm: whether any of its members alarms.
        fault: whether its data look faulty.
    """

    lag: int
    p: float | None
    alarm: bool = False
    fault: bool = False


@dataclass(frozen=True)
class Course:
    """Where a series stands after its newest window.

    Attributes:
        states: of each window: `drift`, `watch`, `quiet`, `fault` or `not enough data`.
        onset: lag of the first window of the drift that is going on; None where none is.
        natural: lags of the windows that later ones are held against beside the reference's own periods.
    """

    states: tuple[str, ...]
    onset: int | None
    natural: frozenset[int]


def course(looks: Sequence[Look], policy: Policy) -> Course:
    """The course of a series, oldest window first.

    Drift begins when `policy.alarms` of the newest `policy.of_windows` judged windows alarm; its onset is the first of
    these. It ends with a window whose p-value is above `policy.clear`. A window that is not judged, or whose data are
    faulty, changes nothing.

    A window that alarms is no natural variation, until as many later windows as could have made drift of it did not.
    """
    states: list[str] = []
    recent: list[Look] = []
    pending: list[Look] = []
    natural: set[int] = set()
    onset: int | None = None
    for look in looks:
        if look.fault or look.p is None:
            states.append(FAULT if look.fault else NOT_ENOUGH)
            continue
        if onset is not None:
            if look.p <= policy.clear:
                states.append(DRIFT)
                continue
            onset, recent, pending = None, [], []
        recent = [*recent, look][-policy.of_windows :]
        alarms = [one for one in recent if one.alarm]
        natural.update(one.lag for one in pending if one not in recent)
        pending = alarms
        if len(alarms) >= policy.alarms:
            onset = alarms[0].lag
            states.append(DRIFT)
        elif look.alarm:
            states.append(WATCH)
        else:
            states.append(QUIET)
            natural.add(look.lag)
    return Course(tuple(states), onset, frozenset(natural))


def event_key(digest: str, tier: str, onset: str) -> str:
    """The key of an event, the same for every report of it: sha256 in hexadecimal.

    Args:
        digest: of the model, or of the reference where there is none.
        onset: begin of the event's first window, as counted from the reference's end.
    """
    return hashlib.sha256("\n".join((digest, tier, onset)).encode()).hexdigest()
