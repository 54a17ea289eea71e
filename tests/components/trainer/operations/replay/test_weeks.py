"""The replay, week by week: when it would have trained again, and what speaks against it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from foldline.data.detect_drift.conclusion import concluded
from foldline.data.detect_drift.findings import QUIET, Member, Window
from foldline.data.detect_drift.policy import Policy as DriftPolicy
from foldline.operations.replay.weeks import InForce, Week, replay
from foldline.operations.trigger_run.policy import Policy
from foldline.operations.trigger_run.reasons import Labelled

TRAINED, WEEK = datetime(2013, 9, 30, 23), timedelta(days=7)
START = TRAINED + timedelta(microseconds=1)
NIGHT = timedelta(hours=6)


def window(number: int, mark: str, begin: datetime) -> Window:
    """A window by its mark: `.` quiet, `!` an alarm, `x` a fault, `?` not enough rows."""
    start = begin + number * WEEK
    member = Member("delay", "input", "divergence", 0.1, 0.01, 0.2, 9.0, 3.0, 0.05 if mark == "!" else 0.5, mark == "!")
    return Window(
        start=start.isoformat(),
        end=(start + WEEK).isoformat(),
        lag=number + 1,
        rows=1000,
        state={"x": "fault", "?": "not enough data"}.get(mark, QUIET),
        reason="half of it is missing" if mark == "x" else "",
        p=None if mark in "x?" else member.p,
        nulls=19,
        slice_periods=8,
        members=(member,) if mark in ".!" else (),
    )


def champion(version: str, marks: str, trained: datetime = TRAINED) -> InForce:
    """A champion and what is found of the weeks after its training; rows of a week begin after the night."""
    reference = {
        "digest": version, "model_version": version, "end": trained.isoformat(), "every_s": int(WEEK.total_seconds()),
    }  # fmt: skip
    windows = tuple(window(number, mark, trained + NIGHT) for number, mark in enumerate(marks))
    found = concluded(windows, (), reference, DriftPolicy())

    def labelled(now: datetime) -> Labelled:
        return Labelled(1000 * ((now - trained) // WEEK), now, trained)

    return InForce(version, found, labelled)


class Trainings:
    """Gives the champions that are to come, one after the other, and notes when it was asked."""

    def __init__(self, following: Sequence[InForce]) -> None:
        self._following = list(following)
        self.asked: list[datetime] = []

    def __call__(self, end: datetime) -> InForce:
        self.asked.append(end)
        return self._following.pop(0)


def replayed(first: InForce, following: Sequence[InForce], weeks: int, **policy: Any) -> tuple[list[Week], Trainings]:
    trainings, said = Trainings(following), list[str]()
    starts = [START + number * WEEK for number in range(weeks)]
    found = replay(first, starts, WEEK, Policy.parse(policy), "flights", trainings, said.append)
    assert len(said) == weeks
    return found, trainings


def actions(weeks: Sequence[Week]) -> list[str]:
    return [week.action for week in weeks]


def test_quiet_weeks_stay_quiet() -> None:
    weeks, trainings = replayed(champion("a", "..!..?.."), [], 8)
    assert actions(weeks) == [""] * 8
    assert [week.state for week in weeks] == ["quiet"] * 2 + ["watch"] + ["quiet"] * 2 + ["not enough data"] + [
        "quiet"
    ] * 2
    assert trainings.asked == []


def test_a_shift_starts_one_training_after_which_the_new_champion_is_watched() -> None:
    new = champion("b", "....", TRAINED + 4 * WEEK)
    weeks, trainings = replayed(champion("a", "..!!!!!!"), [new], 8)
    assert actions(weeks) == ["", "", "", "retrain", "", "", "", ""]
    assert [week.champion for week in weeks] == ["a"] * 4 + ["b"] * 4
    assert trainings.asked == [START + 4 * WEEK]
    assert weeks[3].said.startswith("Drift since ")


def test_a_champion_that_stays_is_not_trained_again_for_the_same_shift() -> None:
    first = champion("a", "..!!!!!!")
    weeks, trainings = replayed(first, [first], 8)
    assert actions(weeks) == ["", "", "", "retrain", *["held back"] * 4]
    assert "was started for this" in weeks[-1].said
    assert len(trainings.asked) == 1


def test_a_fault_raises_an_alert_and_starts_nothing() -> None:
    weeks, trainings = replayed(champion("a", "..!xx.."), [], 7)
    assert actions(weeks) == ["", "", "", "alert", "alert", "", ""]
    assert "half of it is missing" in weeks[3].said
    assert trainings.asked == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ["", "retrain", "", "", "retrain", ""]),
        ({"cooldown": "35d"}, ["", "retrain", "", "", "held back", "held back"]),
        ({"monthly_budget": 1}, ["", "retrain", "", "", "held back", "held back"]),
        ({"on_drift": False}, [""] * 6),
        ({"on_drift": False, "new_rows": 3000}, ["", "", "retrain", "", "", "retrain"]),
    ],
)
def test_the_policy_of_the_trigger_holds_with_the_clock_of_the_past(
    policy: dict[str, Any], expected: list[str]
) -> None:
    first = champion("a", "!!!!!!")
    after = champion("b", ".!!!", TRAINED + 2 * WEEK)
    if "new_rows" in policy:
        after = champion("b", "....", TRAINED + 3 * WEEK)
    weeks, _ = replayed(first, [after, champion("c", "..", TRAINED + 5 * WEEK)], 6, **policy)
    assert actions(weeks) == expected


def test_after_the_last_week_nothing_is_trained_since_nothing_would_serve() -> None:
    weeks, trainings = replayed(champion("a", "..!!"), [], 4)
    assert actions(weeks) == ["", "", "", "retrain"]
    assert trainings.asked == []
