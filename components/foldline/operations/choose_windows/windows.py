"""Consecutive windows of equal length that begin where the rows of a training end."""

from datetime import datetime, timedelta
from typing import NamedTuple

from foldline.errors import DataError

# The least step of a dataset's times.
_NEXT = timedelta(microseconds=1)


class Span(NamedTuple):
    """Time from `start`, inclusive, to `end`, exclusive, that holds `windows` windows."""

    start: datetime
    end: datetime
    windows: int


def newest(last_row: datetime, length: timedelta, until: datetime, most: int) -> Span:
    """The newest windows, at most `most`, that end at `until` or before.

    The first window begins just after `last_row`, which was trained on; the others follow without a gap.

    Raises:
        DataError: not one window has ended.
    """
    first = last_row + _NEXT
    whole = (until - first) // length
    if whole < 1:
        raise DataError(
            "windows since the champion's training",
            expected=f"at least one that has ended, so {(first + length).isoformat()} or later",
            got=f"{until.isoformat()}, with the last row of the training at {last_row.isoformat()}",
            fix="Run again then, or choose shorter windows (every).",
        )
    taken = min(whole, most)
    return Span(first + (whole - taken) * length, first + whole * length, taken)
