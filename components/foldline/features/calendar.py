"""Parts of times in UTC by integer arithmetic, the same for NumPy arrays and TensorFlow tensors.

Times are whole microseconds since 1970-01-01 in UTC; `//` and `%` round down, so times before 1970 are right too. The
month comes from counting days in 400-year eras that begin on 1 March of year 0 (Howard Hinnant, "chrono-Compatible
Low-Level Date Algorithms", function `civil_from_days`).
"""

from typing import Any

Times = Any

MICROSECONDS_PER_HOUR = 3_600_000_000
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR


def hour_of_day(times: Times) -> Times:
    """0 to 23; shape kept."""
    return times % MICROSECONDS_PER_DAY // MICROSECONDS_PER_HOUR


def day_of_week(times: Times) -> Times:
    """0 (Monday) to 6; shape kept. The first day of 1970 was a Thursday."""
    return (times // MICROSECONDS_PER_DAY + 3) % 7


def month_of_year(times: Times) -> Times:
    """1 (January) to 12; shape kept."""
    days = times // MICROSECONDS_PER_DAY + 719_468
    day_of_era = days % 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * day_of_year + 2) // 153
    return (from_march + 2) % 12 + 1
