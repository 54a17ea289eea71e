"""When a recurring run fires; the times are those that robfig/cron 1.2.0, the parser of the scheduler, gives."""

from datetime import UTC, datetime

import pytest

from foldline.errors import ArgumentError
from foldline_pipelines.kubeflow import recurrence

NOW = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0 0 3 * * *", "2026-11-22T03:00:00 2026-11-23T03:00:00 2026-11-24T03:00:00"),
        ("0 30 6 * * 1-5", "2026-11-23T06:30:00 2026-11-24T06:30:00 2026-11-25T06:30:00"),
        ("0 */15 * * * ?", "2026-11-21T12:45:00 2026-11-21T13:00:00 2026-11-21T13:15:00"),
        ("0 0 0 1 * *", "2026-12-01T00:00:00 2027-01-01T00:00:00 2027-02-01T00:00:00"),
        ("0 0 12 13 * 5", "2026-11-27T12:00:00 2026-12-04T12:00:00 2026-12-11T12:00:00"),
        ("0 0 12 */2 * 1", "2026-11-23T12:00:00 2026-12-07T12:00:00 2026-12-21T12:00:00"),
        ("30 59 23 31 12 ?", "2026-12-31T23:59:30 2027-12-31T23:59:30 2028-12-31T23:59:30"),
        ("0 0 4 ? * SUN", "2026-11-22T04:00:00 2026-11-29T04:00:00 2026-12-06T04:00:00"),
        ("0 5/20 8-10 * * MON,WED", "2026-11-23T08:05:00 2026-11-23T08:25:00 2026-11-23T08:45:00"),
        ("0 0 3 * JAN-MAR *", "2027-01-01T03:00:00 2027-01-02T03:00:00 2027-01-03T03:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
    ],
)
def test_a_cron_expression_fires_when_the_scheduler_fires_it(expression: str, times: str) -> None:
    parsed = recurrence.cron(expression)
    assert parsed.expression == expression
    assert " ".join(f"{time:%Y-%m-%dT%H:%M:%S}" for time in parsed.after(NOW, 3)) == times


def test_five_fields_get_the_second_that_the_scheduler_needs_first() -> None:
    assert recurrence.cron("0 3 * * *") == recurrence.cron("0 0 3 * * *")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 0 3 * * 7", "--cron, day of week: expected .* got '7'. Sunday is 0."),
        ("0 60 3 * * *", "--cron, minute: expected .* numbers from 0 to 59"),
        ("0 0 24 * * *", "--cron, hour: .* got '24'"),
        ("0 0 3 0 * *", "--cron, day of month: expected .* numbers from 1 to 31"),
        ("0 5-1 3 * * *", "got '5-1'"),
        ("0 */0 3 * * *", r"got '\*/0'"),
        ("0 1-2-3 3 * * *", "got '1-2-3'"),
        ("0 x 3 * * *", "got 'x'"),
        ("@daily", r"--cron: expected 5 fields .* got 1: '@daily'"),
        ("* * * * * * *", "got 7"),
        ("0 0 0 31 2 *", "expected a day that exists"),
    ],
)
def test_what_the_scheduler_would_refuse_is_named_by_its_field(expression: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        recurrence.cron(expression)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("120s", 120)]
)
def test_an_interval_has_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert recurrence.interval(text) == seconds


@pytest.mark.parametrize("text", ["7", "d", "59s", "0d", "-1d", "1.5h", "1 month"])
def test_another_interval_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"--every: expected (a whole number with .* as 7d|at least one minute)"):
        recurrence.interval(text)


@pytest.mark.parametrize(("seconds", "words"), [(604_800, "1w"), (86_400, "1d"), (5400, "90m"), (61, "61s")])
def test_an_interval_is_told_in_its_largest_whole_unit(seconds: int, words: str) -> None:
    assert recurrence.in_words(seconds) == words
