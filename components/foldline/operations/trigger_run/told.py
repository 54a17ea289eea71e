"""What a decision says: its sentences and figures. Pure."""

from dataclasses import asdict
from typing import Any

from foldline.artifacts import Decision
from foldline.operations.trigger_run import guards
from foldline.operations.trigger_run.claiming import Outcome
from foldline.operations.trigger_run.ledger import Ledger
from foldline.operations.trigger_run.reasons import Labelled
from foldline.operations.trigger_run.wish import Wish

SHOWN_STARTS = 20


def told(wish: Wish, outcome: Outcome, fault: str) -> tuple[str, ...]:
    """Sentences, the deciding one first.

    Args:
        fault: what became of the run where it did not end well.
    """
    refusing = [guard for guard in guards.in_order(outcome.guards) if not guard.passes]
    if outcome.started and outcome.run is not None:
        how = "is taken up, which a task that died had started" if outcome.adopted else "is started"
        first = f"Run {outcome.run.name} {how}."
    elif refusing:
        first = f"No run starts. {refusing[0].sentence}"
    else:
        first = "No run starts: nothing is a reason for one."
    others = [guard.sentence for guard in refusing[1:]]
    return (first, *([fault] if fault else []), *(reason.sentence for reason in wish.reasons), *others)


def figures_of(wish: Wish, outcome: Outcome, ledger: Ledger, labelled: Labelled, monitored: Decision) -> dict[str, Any]:
    """Every figure that was looked at; `starts` are the last ones that the ledger knows."""
    return {
        "model_name": wish.model_name,
        "model_version": wish.judged,
        "decided_at": wish.now.isoformat(timespec="seconds"),
        "reasons": [reason.to_json() for reason in wish.reasons],
        "guards": [guard.to_json() for guard in guards.in_order(outcome.guards)],
        "run": {**asdict(outcome.run), "adopted": outcome.adopted} if outcome.run is not None else {},
        "new_labelled_rows": labelled.rows,
        "new_labelled_days": labelled.days,
        "monitoring": monitored.verdict,
        "starts": [
            {name: getattr(entry, name) for name in ("name", "at", "version", "reason", "address")}
            for entry in ledger.started[-SHOWN_STARTS:]
        ],
    }
