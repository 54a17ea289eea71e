"""Files of `detect_drift`: datasets in, decision and report out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from foldline.artifacts import Dataset, Decision
from foldline.data.detect_drift.judge import judge_series
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.page import drift_page
from foldline.data.detect_drift.policy import Policy
from foldline.disk import room_for


@room_for("the outputs")
def run(
    *,
    reference: str,
    window: str,
    decision: str,
    report: str,
    every: str,
    exclude_columns: Sequence[str],
    policy: dict[str, Any],
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Judge the windows of `window` against `reference`.

    Raises:
        ArgumentError: a parameter has a value that it cannot have, or names a column that is not there.
        ArtifactError: an input is torn.
        DataError: the reference has no time column, or nothing can be watched.
    """
    settings = Policy.parse(policy)
    found = judge_series(
        Observed.of(Dataset.read(Path(reference))),
        Observed.of(Dataset.read(Path(window))),
        every=every,
        exclude=exclude_columns,
        policy=settings,
    )
    made = Decision("drift", found.verdict, found.reasons, found.figures(), found.policy.to_json())
    made.write(Path(decision))
    drift_page(found).write(Path(report))
    log_metric("windows_judged", sum(one.p is not None for one in found.windows))
    log_metric("windows_with_alarms", sum(bool(one.alarms) for one in found.windows))
    newest = found.newest_judged
    if newest is not None and newest.p is not None:
        log_metric("newest_p", newest.p)
        log_metric("newest_alarms", len(newest.alarms))
    describe({"verdict": found.verdict, "event": found.event.key if found.event else ""})
    for reason in found.reasons:
        print(reason)
