"""Parts of times in UTC by integer arithmetic, the same for NumPy arrays and TensorFlow tensors.

Times are whole microseconds since 1970-01-01 in UTC; `//` and `%` round down, so times before 1970 are right too. The
month comes from counting days in 400-year eras that begin on 1 March of year 0 (Howard Hinnant, "chrono-Compatible
Low-Level Date Algorithms", function `civil_from_days`).
"""

from typing import Any

Times = Any

MICROSECONDS_PER_MINUTE = 60_000_000
MICROSECONDS_PER_HOUR = 60 * MICROSECONDS_PER_MINUTE
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR


def minute_of_hour(times: Times) -> Times:
    """0 to 59; shape kept."""
    return times % MICROSECONDS_PER_HOUR // MICROSECONDS_PER_MINUTE


def hour_of_day(times: Times) -> Times:
    """0 to 23; shape kept."""
    return times % MICROSECONDS_PER_DAY // MICROSECONDS_PER_HOUR


def day_of_week(times: Times) -> Times:
    """0 (Monday) to 6; shape kept. The first day of 1970 was a Thursday."""
    return (times // MICROSECONDS_PER_DAY + 3) % 7


def month_of_year(times: Times) -> Times:
    """1 (January) to 12; shape kept."""
    _, day = _since_march(times)
    return (_months_since_march(day) + 2) % 12 + 1


def day_of_month(times: Times) -> Times:
    """1 to 31; shape kept."""
    _, day = _since_march(times)
    return day - (153 * _months_since_march(day) + 2) // 5 + 1


def day_of_year(times: Times) -> Times:
    """1 to 366; shape kept."""
    year, day = _since_march(times)
    # 1 where the year that the March is in has a 29 February: the multiples of 4, 100 and 400 that it adds to.
    leap = sum(sign * (year // every - (year - 1) // every) for sign, every in ((1, 4), (-1, 100), (1, 400)))
    after_december = day // 306
    return day + 60 + leap - after_december * (365 + leap)


def _since_march(times: Times) -> tuple[Times, Times]:
    """The year of the last 1 March, counted within 400 years, and the days since then."""
    day_of_era = (times // MICROSECONDS_PER_DAY + 719_468) % 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    return year_of_era, day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)


def _months_since_march(day: Times) -> Times:
    return (5 * day + 2) // 153
