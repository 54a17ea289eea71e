"""Time cut into periods of equal length."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Since 1970; a time without a zone is in UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class Periods:
    """`count` periods from `start` on, each of `length`; both in microseconds."""

    start: int
    length: int
    count: int

    @classmethod
    def ending(cls, end: int, length: int, count: int) -> "Periods":
        """The `count` periods of which the last ends at `end`."""
        return cls(end - count * length, length, count)

    @classmethod
    def covering(cls, start: int, last: int, length: int, most: int) -> "Periods":
        """From `start` on those that hold all moments up to `last`; the newest `most` of them."""
        count = max(1, (last - start) // length + 1)
        kept = min(count, most)
        return cls(start + (count - kept) * length, length, kept)

    def of(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """The period of each moment, -1 where it is in none; shape (n,)."""
        index = (moments - self.start) // self.length
        return np.where((index >= 0) & (index < self.count), index, -1)

    def index(self, moment: int) -> int:
        """The period of one moment, -1 where it is in none."""
        index = (moment - self.start) // self.length
        return index if 0 <= index < self.count else -1

    @property
    def starts(self) -> list[datetime]:
        """When each begins."""
        return [EPOCH + timedelta(microseconds=self.start + index * self.length) for index in range(self.count)]

    def to_json(self) -> list[str]:
        """When each begins, ISO 8601."""
        return [start.isoformat() for start in self.starts]


def as_json(values: NDArray[Any]) -> list[float | None]:
    """Figures of periods for a decision; None where there is none."""
    return [float(value) if np.isfinite(value) else None for value in values]
