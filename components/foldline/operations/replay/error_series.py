"""The error of a model in each week of a scored table."""

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foldline.artifacts import Dataset, Task
from foldline.errors import DataError
from foldline.evaluation import metrics

# Smaller is better for all three.
ERRORS = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
Scores = dict[str, float]


class WeekOfRows(NamedTuple):
    """A week's rows with a label and a prediction: how many, and the metrics; none where they cannot be scored."""

    rows: int
    scores: Scores


def shown_metrics(task: Task) -> list[str]:
    """The error, and the metric by which models of the task are chosen where that is another one."""
    return list(dict.fromkeys([ERRORS[task.kind], metrics.primary_metric(task).name]))


def by_week(scored: Dataset, starts: list[datetime], length: timedelta) -> list[WeekOfRows]:
    """Metrics of the rows of each week.

    Args:
        scored: rows with predictions, labels and times.
        starts: begin of each week.
    """
    names, task = scored.model["predictions"], scored.scored_task
    time, label = scored.time_window["column"], scored.model["label"]
    table = scored.table(list(dict.fromkeys([time, label, *names])))
    usable = pc.and_(pc.is_valid(table[label]), pc.is_valid(table[names[0]]))
    table = table.filter(usable)
    return [_scored(_between(table, time, start, start + length), label, names, task) for start in starts]


def _between(table: pa.Table, time: str, start: datetime, end: datetime) -> pa.Table:
    return table.filter(pc.and_(pc.greater_equal(table[time], start), pc.less(table[time], end)))


def _scored(table: pa.Table, label: str, names: list[str], task: Task) -> WeekOfRows:
    prediction = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
    try:
        found = metrics.score(task, task.encode(table[label]), prediction)
    except DataError:
        # Too few rows, or one class alone: such a week has no score.
        return WeekOfRows(table.num_rows, {})
    return WeekOfRows(table.num_rows, {name: found[name] for name in shown_metrics(task)})


def mean(weeks: list[WeekOfRows], name: str) -> float | None:
    """Mean of a metric over the weeks that have it, by their rows."""
    known = [week for week in weeks if name in week.scores]
    rows = sum(week.rows for week in known)
    return sum(week.rows * week.scores[name] for week in known) / rows if rows else None
