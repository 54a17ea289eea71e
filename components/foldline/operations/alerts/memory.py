"""What was sent before, as one record a source. Pure.

    {"form", "source", "alerts": {key: {sink: {"state": "sending" | "sent", "at": ISO 8601, "owner"}}}}

A sink takes an alert after it was claimed ("sending"), so that of two tasks at once one sends. A claim whose task died
is void after `CLAIM_S`. Alerts that their source no longer has are forgotten, so that one that comes back is sent anew.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from foldline.errors import StoreError

FORM = "foldline.alerts/1"
CLAIM_S = 600
SENDING, SENT = "sending", "sent"

Content = dict[str, Any]
# Key of an alert, name of a sink.
Errand = tuple[str, str]


def checked(found: Content | None, source: str, name: str) -> Content:
    """The record `found`, or that of a source that never sent anything.

    Raises:
        StoreError: it is of another form; `name` says which record.
    """
    if found is None:
        return {"form": FORM, "source": source, "alerts": {}}
    try:
        entries = [entry for sinks in found["alerts"].values() for entry in sinks.values()]
        whole = (
            found["form"] == FORM
            and all(entry["state"] in (SENDING, SENT) and isinstance(entry["owner"], str) for entry in entries)
            and all(datetime.fromisoformat(entry["at"]).tzinfo for entry in entries)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        whole = False
    if not whole:
        raise StoreError(f"record {name}", expected=f"one of the form {FORM}", got=repr(found)[:60], fix="Remove it.")
    return found


def standing(content: Content, errand: Errand, now: datetime, repeat_after: timedelta) -> str:
    """`sent` where the sink had the alert less than `repeat_after` ago, `sending` where another task is at it, else
    empty."""
    entry = _entry(content, errand)
    if entry is None:
        return ""
    lasts = repeat_after if entry["state"] == SENT else timedelta(seconds=CLAIM_S)
    return str(entry["state"]) if now - datetime.fromisoformat(entry["at"]) < lasts else ""


def claimed(content: Content, keys: Iterable[str], errands: Iterable[Errand], now: datetime, owner: str) -> Content:
    """The record that keeps only the alerts of `keys`, and in which `owner` sends `errands`."""
    held = set(keys)
    alerts = {key: dict(sinks) for key, sinks in content["alerts"].items() if key in held}
    for key, sink in errands:
        alerts.setdefault(key, {})[sink] = {"state": SENDING, "at": now.isoformat(), "owner": owner}
    return {**content, "alerts": alerts}


def settled(content: Content, outcomes: Mapping[Errand, bool], now: datetime, owner: str) -> Content:
    """The record after the claims of `owner` went well or not; one that went wrong is free for the next task."""
    alerts = {key: dict(sinks) for key, sinks in content["alerts"].items()}
    for (key, sink), went_well in outcomes.items():
        if went_well:
            alerts.setdefault(key, {})[sink] = {"state": SENT, "at": now.isoformat(), "owner": owner}
        elif (_entry(content, (key, sink)) or {}).get("owner") == owner:
            del alerts[key][sink]
    return {**content, "alerts": alerts}


def _entry(content: Content, errand: Errand) -> dict[str, str] | None:
    key, sink = errand
    found: dict[str, str] | None = content["alerts"].get(key, {}).get(sink)
    return found
