"""Alerts to their sinks: silences, what was said before, and faults that end nothing."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from foldline.errors import ArgumentError, StoreError
from foldline.operations.alerts import memory
from foldline.operations.alerts.alert import FAILED, IN_HAND, SAID_BEFORE, SENT, SILENCED, Alert, Delivery
from foldline.operations.alerts.memory import Errand
from foldline.operations.alerts.settings import LOG, AlertSettings, SinkSettings
from foldline.operations.alerts.sinks import HttpSink, UndeliveredError
from foldline.store.records import Content, Records, open_records

# Of one sink, for all alerts of a delivery.
SINK_S = 60.0


def deliver(
    alerts: Sequence[Alert],
    settings: AlertSettings,
    state_uri: str,
    now: datetime,
    say: Callable[[str], None],
    *,
    source: str,
    environment: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
) -> list[Delivery]:
    """Give each alert to each sink that did not have it within `repeat_after`.

    Call it with all conditions that hold, also when there are none: what `source` no longer has is forgotten, so that
    it is sent anew when it comes back. Of two tasks at once one sends. A sink that fails is tried a little and then
    left alone; neither that nor a state that cannot be reached ends the task. Without a state that can be reached each
    alert is sent, since a repetition is better than silence. An alert may come twice where a task dies between sending
    and noting it.

    Args:
        alerts: with different keys.
        state_uri: folder, `s3://bucket/prefix` or `minio://bucket/prefix` that remembers what was sent; empty where
            nothing does.
        now: aware.
        say: takes a line for standard output.
        source: who speaks, as a URI reference (`/foldline/monitoring/flights`): the keys are its own.

    Returns:
        A delivery for each alert and sink, in that order.

    Raises:
        ArgumentError: `state_uri` is no address.
    """
    records = open_records(state_uri, argument="state_uri") if state_uri else None
    owner = uuid.uuid4().hex
    name = f"alerts/{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    silent = {alert.key: silence for alert in alerts for silence in settings.silences if silence.covers(alert.key, now)}
    wanted = [(alert.key, sink.name) for alert in alerts if alert.key not in silent for sink in settings.sinks]
    keys = [alert.key for alert in alerts]
    held_back = _claim(records, name, source, keys, wanted, settings, now, owner, say)
    outcomes: dict[Errand, Delivery] = {}
    for sink in settings.sinks:
        mine = [alert for alert in alerts if (alert.key, sink.name) in wanted]
        due = [alert for alert in mine if (alert.key, sink.name) not in held_back]
        for delivery in _send(sink, due, source, now, say, environment, clock):
            outcomes[delivery.key, delivery.sink] = delivery
    _settle(records, name, source, outcomes, now, owner, say)
    for errand, state in held_back.items():
        outcomes[errand] = Delivery(*errand, SAID_BEFORE if state == memory.SENT else IN_HAND)
    for key, silence in silent.items():
        said = f"until {silence.until.isoformat()}: {silence.reason}"
        outcomes |= {(key, sink.name): Delivery(key, sink.name, SILENCED, said) for sink in settings.sinks}
    return [outcomes[key, sink.name] for key in keys for sink in settings.sinks]


def _claim(
    records: Records | None,
    name: str,
    source: str,
    keys: Iterable[str],
    wanted: Sequence[Errand],
    settings: AlertSettings,
    now: datetime,
    owner: str,
    say: Callable[[str], None],
) -> dict[Errand, str]:
    """Claim the errands that are due; those that are not, with their standing."""
    held_back: dict[Errand, str] = {}

    def change(found: Content | None) -> Content | None:
        content = memory.checked(found, source, name)
        held_back.clear()
        for errand in wanted:
            state = memory.standing(content, errand, now, settings.repeat_after)
            if state:
                held_back[errand] = state
        due = [errand for errand in wanted if errand not in held_back]
        after = memory.claimed(content, keys, due, now, owner)
        return None if after == found or (found is None and not due) else after

    if records is not None:
        try:
            records.change(name, change)
        except StoreError as fault:
            held_back.clear()
            say(f"alerts: what was sent before is not known, so each one is sent: {fault}")
    return held_back


def _settle(
    records: Records | None,
    name: str,
    source: str,
    outcomes: Mapping[Errand, Delivery],
    now: datetime,
    owner: str,
    say: Callable[[str], None],
) -> None:
    if records is None or not outcomes:
        return
    went_well = {errand: delivery.outcome == SENT for errand, delivery in outcomes.items()}
    try:
        records.change(name, lambda found: memory.settled(memory.checked(found, source, name), went_well, now, owner))
    except StoreError as fault:
        say(f"alerts: what was sent could not be noted: {fault}")


def _send(
    sink: SinkSettings,
    alerts: Sequence[Alert],
    source: str,
    now: datetime,
    say: Callable[[str], None],
    environment: Mapping[str, str],
    clock: Callable[[], float],
) -> list[Delivery]:
    if sink.kind == LOG:
        for alert in alerts:
            say(f"alert {alert.key} ({alert.severity}): {alert.sentence}")
        return [Delivery(alert.key, sink.name, SENT) for alert in alerts]
    if not alerts:
        return []
    deadline, made, problem = clock() + SINK_S, [], ""
    try:
        opened = HttpSink(sink, environment)
    except ArgumentError as fault:
        problem = str(fault)
    for alert in alerts:
        if not problem and clock() >= deadline:
            problem = f"not tried: others took {SINK_S:g} s"
        if not problem:
            try:
                opened.send(alert, source, now)
            except UndeliveredError as fault:
                problem = str(fault)
        made.append(Delivery(alert.key, sink.name, FAILED if problem else SENT, problem))
    if problem:
        lost = sum(delivery.outcome == FAILED for delivery in made)
        say(f"alerts: {lost} of {len(made)} did not reach the sink {sink.name}: {problem}")
    return made
