"""What the rows since the champion's training tell."""

from datetime import datetime, timedelta

import pyarrow.compute as pc

from foldline.artifacts import Dataset
from foldline.operations.trigger_run.reasons import Labelled


def labelled(window: Dataset, trained_until: str) -> Labelled:
    """The labelled rows of `window` that are newer than the training.

    Args:
        window: without a label or a time column it has none.
        trained_until: time of the newest row that the champion knows, ISO 8601; empty where nothing says.
    """
    end = datetime.fromisoformat(trained_until) if trained_until else None
    label = str(window.model.get("label", "") or window.label)
    column = window.time_window.get("column", "")
    if not label or not column or label not in {one.name for one in window.columns}:
        return Labelled(0, None, end)
    table = window.table([column, label])
    times = table[column].filter(table[label].is_valid()).drop_null()
    if end is not None:
        times = times.filter(pc.greater(times, end))
    return Labelled(len(times), pc.max(times).as_py(), end)


def after_newest(window: Dataset) -> str:
    """The time just after the newest row, ISO 8601; empty without a time column."""
    newest = window.time_window.get("end", "")
    return (datetime.fromisoformat(newest) + timedelta(microseconds=1)).isoformat() if newest else ""
