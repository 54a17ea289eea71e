"""From the windows of a series to a verdict in words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from foldline.data.detect_drift.course import Course, Look, course, event_key
from foldline.data.detect_drift.findings import (
    DRIFT,
    FAULT,
    NO_DRIFT,
    NOT_ENOUGH,
    TIERS,
    WATCH,
    Event,
    Excluded,
    Findings,
    Member,
    Window,
)
from foldline.data.detect_drift.policy import Policy

_EFFECTS = {
    "divergence": "moved by a divergence of {effect:.3g}",
    "loss_increase": "is {percent:.3g} % above the reference's",
    "area_loss": "fell by {effect:.3g}",
    "domain_area": "changed: a classifier tells rows apart with an area of {effect:.3g}",
}


def looks_of(windows: Sequence[Window]) -> list[Look]:
    """What the course of a series needs of each window."""
    return [Look(one.lag, one.p, bool(one.alarms), one.state == FAULT) for one in windows]


def concluded(
    windows: tuple[Window, ...], excluded: tuple[Excluded, ...], reference: dict[str, Any], policy: Policy
) -> Findings:
    """The findings of a series, each window with the state that it had when it was the newest."""
    run = course(looks_of(windows), policy)
    stated = tuple(replace(one, state=state) for one, state in zip(windows, run.states, strict=True))
    event = _event(run, stated, reference)
    verdict = _verdict(run, event)
    return Findings(
        verdict=verdict,
        reasons=_reasons(verdict, stated, event, policy),
        event=event,
        windows=stated,
        excluded=excluded,
        reference=reference,
        policy=policy,
    )


def _verdict(run: Course, event: Event | None) -> str:
    if run.states and run.states[-1] == FAULT:
        return FAULT
    if event is not None:
        return DRIFT
    return NOT_ENOUGH if not run.states or run.states[-1] == NOT_ENOUGH else NO_DRIFT


def _event(run: Course, windows: Sequence[Window], reference: dict[str, Any]) -> Event | None:
    if run.onset is None:
        return None
    first = next(one for one in windows if one.lag == run.onset)
    tier = min((one.tier for one in first.alarms), key=TIERS.index)
    counted = np.datetime64(reference["end"], "s") + np.timedelta64((run.onset - 1) * reference["every_s"], "s")
    return Event(event_key(reference["digest"], tier, str(counted)), tier, first.start)


def _reasons(verdict: str, windows: Sequence[Window], event: Event | None, policy: Policy) -> tuple[str, ...]:
    if not windows:
        return ("Not enough data: no whole window after the reference's end.",)
    newest = windows[-1]
    named = f"window {newest.start} to {newest.end}"
    if verdict == FAULT:
        return (f"Fault of the data, no drift: {named}, {newest.reason}.",)
    if verdict == NOT_ENOUGH:
        return (f"Not enough data: {named}, {newest.reason}.",)
    if event is not None:
        judged = [one for one in windows if one.alarms and one.start >= event.onset and one.state != FAULT]
        first = f"Drift since {event.onset}: {len(judged)} windows alarm, the newest of them {judged[-1].start}."
        return (first, *(_sentence(one) for one in judged[-1].alarms))
    if newest.state == WATCH:
        first = f"No drift yet: {named} alarms, {policy.alarms} of {policy.of_windows} windows make drift."
        return (first, *(_sentence(one) for one in newest.alarms))
    return (f"No drift: {named} is within the reference's natural variation (p = {newest.p:.3g}).",)


def _sentence(member: Member) -> str:
    effect = _EFFECTS[member.measure].format(effect=member.effect, percent=100.0 * member.effect)
    limit = "any change above its floor is unusual" if member.threshold is None else f"limit {member.threshold:.3g}"
    return (
        f"{member.tier}: {member.name} {effect} (floor {member.floor:g}), {member.deviation:.3g} usual deviations "
        f"({limit}), adjusted p {member.p:.3g}."
    )
