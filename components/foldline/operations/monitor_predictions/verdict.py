"""From findings to alerts, verdict and reasons."""

from collections.abc import Sequence

from foldline.operations.alerts.alert import CRITICAL, WARNING, Alert
from foldline.operations.monitor_predictions.findings import INPUTS, Family, Member
from foldline.report import number

SUBJECT = "monitoring"
FINE, ALERT, NOT_ENOUGH = "fine", "alert", "not enough data"


def alerts_of(families: Sequence[Family], absent: Sequence[tuple[str, str]], version: str) -> list[Alert]:
    """An alert for each column that is gone and each member of a family that alarms often enough.

    Args:
        absent: columns, each with `missing` or `wrong type`.
    """
    made = [
        Alert(
            key=f"{INPUTS}/{column}/{test}",
            severity=CRITICAL,
            subject=SUBJECT,
            sentence=f"No row of the newest period has {_gone(test)} in column {column!r} of model {version}.",
            figures={"model_version": version, "column": column, "test": test},
        )
        for column, test in absent
    ]
    taken = {alert.key for alert in made}
    for family in families:
        for member in family.alerts:
            key = f"{family.name}/{member.name}"
            if key not in taken:
                figures = {"model_version": version, "family": family.name, **member.to_json()}
                made.append(Alert(key, WARNING, SUBJECT, _sentence(family, member, version), figures))
    return made


def judged(families: Sequence[Family], alerts: Sequence[Alert], notes: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The verdict and its reasons, the deciding one first.

    Args:
        notes: what else is to be said.
    """
    unjudged = tuple(f"Not judged, {family.name}: {family.problem}." for family in families if family.problem)
    if alerts:
        return ALERT, (*(alert.sentence for alert in alerts), *unjudged, *notes)
    if len(unjudged) == len(families):
        return NOT_ENOUGH, (*unjudged, *notes)
    names = ", ".join(family.name for family in families if not family.problem)
    said = f"Fine: nothing of {names} differs by more than earlier periods differ from each other."
    return FINE, (said, *unjudged, *notes)


def _sentence(family: Family, member: Member, version: str) -> str:
    threshold = "" if member.threshold is None else f", alarms from {number(member.threshold)} on"
    return (
        f"{member.name.replace('/', ', ')} ({family.name} of model {version}): {number(member.value)} in the newest "
        f"judged period, usually {number(member.usual)}{threshold}; adjusted p {member.p:.3f}, in {member.alarms} of "
        f"the newest {family.judged} periods."
    )


def _gone(test: str) -> str:
    return "a value" if test == "missing" else "a value of the right type"
