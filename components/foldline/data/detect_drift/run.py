"""Files of `detect_drift`: datasets in, decision and report out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from foldline.artifacts import Dataset, Decision
from foldline.data.detect_drift.judge import judge_series
from foldline.data.detect_drift.observed import Observed
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
    made = Decision("drift", found.verdict, found.reasons, found.figures(), settings.to_json())
    made.write(Path(decision))
