"""Reasons and their keys, guards of the ledger, the policy: what decides, without any place to run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import triggers
from foldline.errors import ArgumentError, StoreError
from foldline.operations.trigger_run import guards, parameters, reasons, rows
from foldline.operations.trigger_run.ledger import CLAIMED, STARTED, Entry, Ledger
from foldline.operations.trigger_run.policy import Policy
from foldline.operations.trigger_run.reasons import Labelled

NONE = Labelled(0, None, triggers.TRAINED_UNTIL)
MANY = Labelled(25_000, triggers.TRAINED_UNTIL + timedelta(days=31), triggers.TRAINED_UNTIL)
NOW = datetime(2013, 7, 21, tzinfo=UTC)


def kinds(drift: Any, labelled: Labelled = NONE, **policy: Any) -> list[str]:
    return [one.kind for one in reasons.find(drift, labelled, Policy.parse(policy), "late")]


def entry(at: datetime, key: str = "k", state: str = STARTED, **changed: Any) -> Entry:
    given = {"name": f"run-{key}", "reason": "", "pipeline": "p", "version": "1", "at": at.isoformat(), **changed}
    return Entry(key=key, keys=(key,), state=state, **given)


@pytest.mark.parametrize(
    ("drift", "labelled", "policy", "expected"),
    [
        (triggers.drift(), NONE, {}, ["drift"]),
        (triggers.drift(tier="joint"), NONE, {}, ["drift"]),
        (triggers.drift(tier="performance"), NONE, {}, ["performance"]),
        (triggers.drift(), NONE, {"on_drift": False}, []),
        (triggers.drift(tier="performance"), NONE, {"on_drift": False}, ["performance"]),
        (triggers.drift(tier="performance"), NONE, {"on_performance": False}, []),
        (triggers.drift("no drift"), NONE, {}, []),
        (triggers.drift("not enough data"), NONE, {}, []),
        (triggers.drift("fault"), NONE, {}, []),
        (triggers.drift("no drift"), MANY, {}, []),
        (triggers.drift("no drift"), MANY, {"new_rows": 25_001}, []),
        (triggers.drift("no drift"), MANY, {"new_rows": 25_000.0}, ["new-rows"]),
        (triggers.drift("not enough data"), MANY, {"new_days": 30}, ["new-days"]),
        (triggers.drift(), MANY, {"new_rows": 1, "new_days": 0.5}, ["drift", "new-rows", "new-days"]),
        (triggers.drift("no drift"), Labelled(9, triggers.NEWEST, None), {"new_days": 1, "new_rows": 9}, ["new-rows"]),
    ],
)
def test_a_reason_is_what_the_policy_asks_for(
    drift: Any, labelled: Labelled, policy: dict[str, Any], expected: list[str]
) -> None:
    assert kinds(drift, labelled, **policy) == expected


def key(drift: Any, labelled: Labelled = NONE, model_name: str = "late", **policy: Any) -> str:
    (found,) = reasons.find(drift, labelled, Policy.parse(policy), model_name)
    return found.key


def test_two_reports_of_one_thing_have_one_key_and_other_things_have_others() -> None:
    assert key(triggers.drift()) == key(triggers.drift())
    quiet = triggers.drift("no drift")
    rows_once, rows_twice = {"new_rows": 20_000}, {"new_rows": 10_000}
    others = [
        key(triggers.drift()),
        key(triggers.drift(onset="2013-07-15")),
        key(triggers.drift(tier="performance")),
        key(triggers.drift(version="ba9876543210")),
        key(triggers.drift(), model_name="early"),
        key(quiet, MANY, **rows_once),
        key(quiet, MANY, **rows_twice),
        key(quiet, MANY, new_days=31),
    ]
    assert len(set(others)) == len(others)
    more = Labelled(MANY.rows + 4_000, MANY.newest, MANY.trained_until)
    assert key(quiet, MANY, **rows_once) == key(quiet, more, **rows_once)


@pytest.mark.parametrize(("unlabelled", "expected", "newest"), [(0, 210, 0), (10, 200, 10), (210, 0, None)])
def test_labelled_rows_are_counted_up_to_the_newest_one(
    unlabelled: int, expected: int, newest: int | None, tmp_path: Path
) -> None:
    window = triggers.window(tmp_path / "window", unlabelled=unlabelled)
    found = rows.labelled(window, triggers.TRAINED_UNTIL.isoformat())
    assert found.rows == expected
    step = (triggers.NEWEST - triggers.TRAINED_UNTIL) / 210
    assert found.newest == (None if newest is None else triggers.NEWEST - newest * step)
    assert found.days == pytest.approx(expected / 10)
    assert rows.after_newest(window) == "2013-07-21T00:00:00.000001"


def test_rows_that_the_champion_knows_are_not_new(tmp_path: Path) -> None:
    window = triggers.window(tmp_path / "window")
    half = triggers.TRAINED_UNTIL + (triggers.NEWEST - triggers.TRAINED_UNTIL) / 2
    assert rows.labelled(window, half.isoformat()).rows == 105
    assert rows.labelled(window, "").rows == 210


@pytest.mark.parametrize(
    ("starts", "policy", "refusing"),
    [
        ([], {}, []),
        ([timedelta(days=7)], {}, []),
        ([timedelta(days=6, hours=23)], {}, ["cool-down"]),
        ([timedelta(hours=2)], {"cooldown": "1h"}, []),
        ([timedelta(days=8 + place) for place in range(4)], {}, ["budget"]),
        ([timedelta(days=8), timedelta(days=9), timedelta(days=29), timedelta(days=30)], {}, []),
        ([timedelta(days=1)], {"monthly_budget": 1}, ["cool-down", "budget"]),
        ([], {"monthly_budget": 0}, ["budget"]),
    ],
)
def test_starts_are_apart_and_few(starts: list[timedelta], policy: dict[str, Any], refusing: list[str]) -> None:
    ledger = Ledger(tuple(entry(NOW - ago, key=str(place)) for place, ago in enumerate(starts)))
    (reason,) = reasons.find(triggers.drift(), NONE, Policy.parse({}), "late")
    found = guards.of_ledger(ledger, reason, Policy.parse(policy), NOW)
    assert [guard.name for guard in found if not guard.passes] == refusing


def test_a_claim_counts_as_no_start() -> None:
    ledger = Ledger((entry(NOW, state=CLAIMED),))
    (reason,) = reasons.find(triggers.drift(), NONE, Policy.parse({}), "late")
    found = guards.of_ledger(ledger, reason, Policy.parse({"monthly_budget": 1}), NOW)
    assert all(guard.passes for guard in found)


def test_a_reason_that_a_run_answers_starts_no_other() -> None:
    (reason,) = reasons.find(triggers.drift(), NONE, Policy.parse({}), "late")
    answered = Ledger((Entry("other", ("other", reason.key), "r", "", "p", "1", NOW.isoformat(), STARTED, "host_1"),))
    refused = guards.of_ledger(answered, reason, Policy.parse({}), NOW + timedelta(days=99))
    assert (refused[0].name, refused[0].passes) == ("started before", False)
    assert "Run r was started for this" in refused[0].sentence
    assert "host_1" in refused[0].sentence
    assert guards.unanswered(answered, [reason]) == ()


@pytest.mark.parametrize(
    ("validation", "drift", "passes"),
    [("pass", "drift", True), ("warn", "drift", True), ("fail", "drift", False), ("pass", "fault", False)],
)
def test_faulty_data_are_nothing_to_learn_from(validation: str, drift: str, passes: bool) -> None:
    guard = guards.sound_data(triggers.validation(validation), triggers.drift(drift))
    assert guard.passes is passes
    assert guard.figures == {"validation": validation, "drift": drift}


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"cool_down": "1d"}, "policy: expected no keys but on_drift, "),
        ({"cooldown": 7}, "policy.cooldown: expected a whole number with s, m, h, d or w"),
        ({"cooldown": ""}, "policy.cooldown"),
        ({"new_rows": -1}, "policy.new_rows: expected a number at least 0, got -1"),
        ({"new_rows": 0.5}, "policy.new_rows: expected a whole number"),
        ({"new_days": "7d"}, "policy.new_days: expected a number at least 0"),
        ({"monthly_budget": True}, "policy.monthly_budget: expected a number at least 0"),
        ({"on_drift": 1}, "policy.on_drift: expected true or false"),
        ({"time_parameter": None}, "policy.time_parameter: expected text"),
        ([], "policy: expected an object"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(stated: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Policy.parse(stated)


@given(
    st.builds(
        dict,
        new_rows=st.integers(0, 10**9),
        new_days=st.floats(0, 1e6),
        monthly_budget=st.integers(0, 100),
        on_drift=st.booleans(),
    )
)
def test_a_policy_is_read_as_it_is_written(stated: dict[str, Any]) -> None:
    floats = {name: value if isinstance(value, bool) else float(value) for name, value in stated.items()}
    policy = Policy.parse(stated)
    assert Policy.parse(floats) == policy == Policy.parse(policy.to_json())


@pytest.mark.parametrize(
    ("arguments", "policy", "time_end", "message"),
    [
        ({"time_end": "2013-01-01"}, {}, "2013-07-21", "arguments.time_end: expected nothing, since the run trains up"),
        ({"until": "x"}, {"time_parameter": "until"}, "2013-07-21", "arguments.until: expected nothing"),
        ({}, {}, "", "time_end: expected the end of the newest window"),
        ({"model_name": "early"}, {}, "2013-07-21", "arguments.model_name: expected 'late', of the model that is"),
        ({"store_uri": "other"}, {}, "2013-07-21", "arguments.store_uri: expected 's3://models'"),
    ],
)
def test_a_run_is_about_the_watched_model_and_the_newest_data(
    arguments: dict[str, Any], policy: dict[str, Any], time_end: str, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        parameters.of_run(
            arguments, Policy.parse(policy), store_uri="s3://models", model_name="late", time_end=time_end
        )


def test_a_run_gets_whole_numbers_again() -> None:
    arguments = {"n_folds": 5.0, "fitting": {"rates": [1.0, 0.5], "on": True}, "model_name": "late"}
    found = parameters.of_run(
        arguments, Policy.parse({}), store_uri="s3://models", model_name="late", time_end="2013-07-21"
    )
    assert found == {
        "n_folds": 5,
        "fitting": {"rates": [1, 0.5], "on": True},
        "store_uri": "s3://models",
        "model_name": "late",
        "time_end": "2013-07-21",
    }
    assert isinstance(found["n_folds"], int)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2013-07-21", "2013-07-21T00:00:00+00:00"),
        ("2013-07-21T02:00:00+02:00", "2013-07-21T00:00:00+00:00"),
        ("2013-07-21T00:00:00", "2013-07-21T00:00:00+00:00"),
    ],
)
def test_the_time_of_a_decision_is_in_utc(until: str, expected: str) -> None:
    assert parameters.moment(until).isoformat() == expected
    with pytest.raises(ArgumentError, match="until: expected a time in ISO 8601"):
        parameters.moment("soon")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"form": "foldline.trigger/2", "entries": []},
        {"form": "foldline.trigger/1"},
        {"form": "foldline.trigger/1", "entries": [{"key": "k"}]},
        {"form": "foldline.trigger/1", "entries": [{**entry(NOW).__dict__, "at": "2013-07-21"}]},
    ],
)
def test_a_ledger_that_was_edited_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match=r"ledger here: expected a document of the form foldline.trigger/1"):
        Ledger.from_json(content, "here")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([CLAIMED, STARTED])), max_size=12))
def test_a_ledger_has_one_entry_a_key_and_comes_back_as_it_was(changes: list[tuple[str, str]]) -> None:
    ledger = Ledger()
    for name, state in changes:
        ledger = ledger.without_claim().with_entry(entry(NOW, key=name, state=state))
    names = [one.key for one in ledger.entries]
    assert len(set(names)) == len(names)
    assert sum(one.state == CLAIMED for one in ledger.entries) <= 1
    assert ledger.without_claim().pending is None
    assert Ledger.from_json(ledger.to_json(), "here") == ledger
