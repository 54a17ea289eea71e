"""The replay itself: week by week, what a watch would have found and done. Pure, but for the training it asks for.

A window is called a week here, however long it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from foldline.artifacts import Decision
from foldline.data.detect_drift.findings import NOT_ENOUGH, Findings
from foldline.data.detect_drift.judge import until
from foldline.operations.trigger_run import guards, reasons
from foldline.operations.trigger_run.ledger import STARTED, Entry, Ledger
from foldline.operations.trigger_run.naming import run_name
from foldline.operations.trigger_run.policy import Policy
from foldline.operations.trigger_run.reasons import Labelled, Reason

RETRAIN, HELD_BACK, ALERT, NOTHING = "retrain", "held back", "alert", ""
PIPELINE = "train-and-serve"
# What validate_data would say: it needs another environment, and a replay is about drift.
SOUND = Decision("validation", "pass", ("A replay holds no rows against a schema.",), {}, {})


@dataclass(frozen=True)
class InForce:
    """A champion, and all that will be found of the rows since its training.

    Attributes:
        labelled: the labelled rows since its training that were there at a time.
    """

    version: str
    findings: Findings
    labelled: Callable[[datetime], Labelled]


@dataclass(frozen=True)
class Week:
    """One window and what it led to.

    Attributes:
        champion: version that served during it.
        state: of the window, as detect_drift has it.
        p: of the window; None where it was not judged.
        verdict: of the whole series up to it.
        alarms: what alarmed in it, the nearest to the harm first.
        action: `retrain`, `held back` (there was a reason, and a guard refused), `alert`, or nothing.
        said: why, in a sentence.
    """

    start: datetime
    end: datetime
    champion: str
    state: str
    p: float | None
    verdict: str
    alarms: tuple[str, ...]
    action: str
    said: str


def replay(
    first: InForce,
    starts: Sequence[datetime],
    length: timedelta,
    rules: Policy,
    model_name: str,
    retrain: Callable[[datetime], InForce],
    say: Callable[[str], None],
) -> list[Week]:
    """What each week would have brought.

    Args:
        starts: begin of each week, without a zone, in UTC.
        rules: when a run starts, and what speaks against it.
        retrain: is given the time up to which to train; gives the champion that serves then, which may be the one
            before. Not asked after the last week, after which no champion serves.
    """
    champion, ledger = first, Ledger()
    weeks = []
    for start in starts:
        end = start + length
        found = _found(champion.findings, end, length)
        drift = Decision("drift", found.verdict, found.reasons, found.figures(), {})
        found_reasons = reasons.find(drift, champion.labelled(end), rules, model_name)
        wished = guards.unanswered(ledger, found_reasons) or found_reasons
        now = end.replace(tzinfo=UTC)
        data = guards.sound_data(SOUND, drift)
        judged = (data, *guards.of_ledger(ledger, wished[0], rules, now)) if wished else (data,)
        refusing = next((guard for guard in judged if not guard.passes), None)
        action, said = _action(wished, refusing, data)
        week = _week(start, end, champion.version, found, action, said)
        say(_line(week))
        weeks.append(week)
        if action == RETRAIN:
            ledger = ledger.with_entry(_entry(wished, now))
            if start != starts[-1]:
                champion = retrain(end)
    return weeks


def _found(findings: Findings, end: datetime, length: timedelta) -> Findings:
    """What was found at `end`: of the windows that end nearer to it than to any later week's end."""
    ended = [window for window in findings.windows if datetime.fromisoformat(window.end) - length / 2 <= end]
    return until(findings, len(ended))


def _action(wished: tuple[Reason, ...], refusing: guards.Guard | None, data: guards.Guard) -> tuple[str, str]:
    if refusing is data:
        return ALERT, data.sentence
    if not wished:
        return NOTHING, ""
    return (HELD_BACK, refusing.sentence) if refusing else (RETRAIN, wished[0].sentence)


def _entry(wished: tuple[Reason, ...], now: datetime) -> Entry:
    keys = tuple(reason.key for reason in wished)
    name = run_name(PIPELINE, wished[0])
    return Entry(
        key=keys[0],
        keys=keys,
        name=name,
        reason=wished[0].sentence,
        pipeline=PIPELINE,
        version="",
        at=now.isoformat(timespec="seconds"),
        state=STARTED,
        owner="a replay",
        run_id=name,
    )


def _week(start: datetime, end: datetime, champion: str, found: Findings, action: str, said: str) -> Week:
    window = found.windows[-1] if found.windows else None
    alarms = tuple(member.name for member in window.alarms) if window else ()
    state, p = (window.state, window.p) if window else (NOT_ENOUGH, None)
    return Week(start, end, champion, state, p, found.verdict, alarms, action, said)


def _line(week: Week) -> str:
    shown = f"{week.start:%Y-%m-%d} to {week.end:%Y-%m-%d}: {week.state}"
    shown += f", p {week.p:.3g}" if week.p is not None else ""
    shown += f" ({', '.join(week.alarms)})" if week.alarms else ""
    return f"{shown}; {week.action}: {week.said}" if week.action else shown
