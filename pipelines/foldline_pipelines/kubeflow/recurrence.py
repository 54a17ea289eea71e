"""When a recurring run fires, as Kubeflow Pipelines reads it: cron expressions of six fields, and intervals.

Its scheduler takes the first of six fields as the second, so that `0 3 * * *` there means minute 3 of every hour.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from foldline.durations import UNITS_S, seconds_of
from foldline.errors import ArgumentError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORTEST_S = 60
_HORIZON = timedelta(days=5 * 366)
_LEAP_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class Cron(NamedTuple):
    """A cron expression of six fields, and the numbers that each field allows."""

    expression: str
    allowed: tuple[frozenset[int], ...]

    def after(self, moment: datetime, count: int) -> list[datetime]:
        """The next `count` times it fires after `moment` (aware), in UTC; fewer where none come within five years."""
        return list(islice(self._times(moment.astimezone(UTC)), count))

    def _times(self, moment: datetime) -> Iterator[datetime]:
        seconds, minutes, hours, _, months, _ = self.allowed
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        while day - moment < _HORIZON:
            if day.month in months and self._on(day):
                for hour in sorted(hours):
                    for minute in sorted(minutes):
                        for second in sorted(seconds):
                            time = day.replace(hour=hour, minute=minute, second=second)
                            if time > moment:
                                yield time
            day += timedelta(days=1)

    def _on(self, day: datetime) -> bool:
        """Either day field is enough, unless one of them begins with a star: then both must hold."""
        fields = self.expression.split()
        in_month, in_week = day.day in self.allowed[3], day.isoweekday() % 7 in self.allowed[5]
        starred = any(part.startswith(("*", "?")) for field in (fields[3], fields[5]) for part in field.split(","))
        return (in_month and in_week) if starred else (in_month or in_week)


def cron(text: str) -> Cron:
    """A cron expression of five fields (minute first) or six (second first).

    Raises:
        ArgumentError: it has another number of fields, a field holds what the scheduler would refuse, or no day
            is meant, as by 31 February.
    """
    fields = text.split()
    if len(fields) not in (5, 6):
        raise ArgumentError(
            "--cron",
            expected="5 fields (minute, hour, day of month, month, day of week) or 6 with the second first",
            got=f"{len(fields)}: {text!r}",
        )
    fields = fields if len(fields) == 6 else ["0", *fields]
    allowed = tuple(_numbers(part, field) for part, field in zip(fields, _FIELDS, strict=True))
    made = Cron(" ".join(fields), allowed)
    if not made.after(_LEAP_YEAR, 1):
        raise ArgumentError("--cron", expected="a day that exists", got=repr(text))
    return made


def interval(text: str) -> int:
    """Seconds of an interval such as 90m, 12h, 7d or 2w.

    Raises:
        ArgumentError: it is none, or shorter than a minute.
    """
    seconds = seconds_of(text, argument="--every")
    if seconds < _SHORTEST_S:
        raise ArgumentError("--every", expected="at least one minute", got=repr(text))
    return seconds


def in_words(seconds: int) -> str:
    """An interval in its largest whole unit."""
    unit = next(unit for unit in ("w", "d", "h", "m", "s") if seconds % UNITS_S[unit] == 0)
    return f"{seconds // UNITS_S[unit]}{unit}"


def _numbers(text: str, field: _Field) -> frozenset[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        low_text, dash, high_text = span.partition("-")
        if low_text in ("*", "?"):
            low, high = field.least, field.most
        else:
            low = _number(low_text, field, text)
            high = _number(high_text, field, text) if dash else field.most if slash else low
        step = _number(step_text, field._replace(least=1, most=10_000, names=()), text) if slash else 1
        if low > high:
            raise _wrong(field, text)
        numbers.update(range(low, high + 1, step))
    return frozenset(numbers)


def _number(text: str, field: _Field, whole: str) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.least
    if not re.fullmatch(r"[0-9]+", text) or not field.least <= int(text) <= field.most:
        raise _wrong(field, whole)
    return int(text)


def _wrong(field: _Field, text: str) -> ArgumentError:
    fix = "Sunday is 0." if field.names == _DAYS and "7" in text else ""
    return ArgumentError(
        f"--cron, {field.name}",
        expected=f"*, numbers from {field.least} to {field.most}, ranges (1-5), lists (1,3) and steps (*/2)",
        got=repr(text),
        fix=fix,
    )
