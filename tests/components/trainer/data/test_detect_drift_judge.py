"""The judgement of whole series, on weeks that vary by nature and weeks that something happened to."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binom

from builders.drift import WEEK, Change, Columns, Weeks, observed, weeks, with_table
from foldline.data.detect_drift.findings import Findings, Window
from foldline.data.detect_drift.judge import judge_series, until
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.policy import Policy
from foldline.errors import ArgumentError, DataError

POLICY = Policy(minimum_rows=100)


def judged(pair: tuple[Observed, Observed], **changes: object) -> Findings:
    given = {"every": "7d", "policy": POLICY, **changes}
    return judge_series(*pair, **given)


def newest(found: Findings) -> Window:
    assert found.newest_judged is not None
    return found.newest_judged


def alarming(found: Findings) -> set[str]:
    return {member.name for member in newest(found).alarms}


def added(name: str, step: float) -> Change:
    return lambda columns, random: {**columns, name: columns[name] + step}


def replaced(name: str, make: object) -> Change:
    return lambda columns, random: {**columns, name: make(columns[name], random)}


@pytest.fixture(scope="module")
def quiet() -> Findings:
    return judged(weeks(3, Weeks(later=4)))


def test_quiet_weeks_are_no_drift(quiet: Findings) -> None:
    assert quiet.verdict == "no drift"
    assert [window.state for window in quiet.windows] == ["quiet"] * 4
    assert quiet.event is None
    assert {one.column for one in quiet.excluded} == set()


@pytest.mark.parametrize(
    "given", [Weeks(later=2, trend=0.05), Weeks(reference=39, later=2, season=0.6)], ids=["trend", "season"]
)
def test_trends_and_seasons_do_not_alarm_by_themselves(given: Weeks) -> None:
    series = 20
    windows = [window for seed in range(series) for window in judged(weeks(seed, given)).windows]
    assert sum(bool(window.alarms) for window in windows) <= binom.ppf(0.99, 2 * series, 0.05)


def test_a_shift_is_found_and_named() -> None:
    found = [judged(weeks(seed, Weeks(later=2), added("income", 2.0))) for seed in range(12)]
    assert sum(one.verdict == "drift" for one in found) >= 11
    assert sum("income" in alarming(one) for one in found) >= 11
    assert sum("debt" in alarming(one) for one in found) <= 2
    drifted = next(one for one in found if one.verdict == "drift")
    assert drifted.reasons[0].startswith(f"Drift since {drifted.windows[0].start}")
    member = next(one for one in newest(drifted).alarms if one.name == "income")
    assert member.p <= 0.05
    assert member.effect > member.floor
    assert member.threshold is None or member.deviation > member.threshold


def test_correlations_that_turn_while_no_column_moves_are_found_by_the_classifier() -> None:
    def turned(columns: Columns, random: np.random.Generator) -> Columns:
        return {**columns, "debt": 2.0 * columns["debt"].mean() - columns["debt"]}

    found = judged(weeks(5, Weeks(later=2), turned))
    assert found.verdict == "drift"
    assert found.event is not None
    assert (alarming(found), found.event.tier) == ({"joint"}, "joint")


def test_categories_that_are_new_at_their_natural_rate_do_not_alarm() -> None:
    def with_codes(given: Observed, start: int) -> Observed:
        rows = given.table.num_rows
        week = np.arange(rows) // 150 + start
        code = np.where(np.arange(rows) % 10 == 0, week, np.arange(rows) % 30)
        return with_table(given, given.table.append_column("code", pa.array([f"code {one}" for one in code])))

    before, after = weeks(7, Weeks(later=2))
    found = judged((with_codes(before, 100), with_codes(after, 126)))
    assert "code" not in {one.column for one in found.excluded}
    assert not any("code" in {one.name for one in window.alarms} for window in found.windows)


def test_categories_that_are_new_in_most_rows_are_a_fault() -> None:
    found = judged(weeks(1, Weeks(), replaced("city", lambda values, random: np.char.add("new ", values))))
    assert found.verdict == "fault"
    assert "values never seen before" in found.reasons[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced("age", lambda values, random: np.full(len(values), np.nan)), "age: missing in 100% of the rows"),
        (replaced("income", lambda values, random: values * 100.0), "income: values are 100 times"),
        (replaced("income", lambda values, random: values / 60.0), "income: values are 0.01"),
        (replaced("income", lambda values, random: np.full(len(values), 0.5)), "income: the same value in all rows"),
        (replaced("city", lambda values, random: np.full(len(values), "Bern")), "city: the same value in all rows"),
        (
            replaced("age", lambda values, random: np.char.add("about ", values.astype(str))),
            "age: missing in 100%",
        ),
    ],
    ids=["missing", "scale up", "scale down", "constant number", "constant text", "no numbers"],
)
def test_a_fault_of_the_source_is_told_from_drift(change: Change, words: str) -> None:
    found = judged(weeks(11, Weeks(), change))
    assert found.verdict == "fault"
    assert words in found.reasons[0]
    assert found.event is None


def test_a_turned_sign_is_a_fault_where_a_column_is_not_symmetric() -> None:
    def shifted(given: Observed, sign: float) -> Observed:
        values = sign * (np.asarray(given.table["income"]) + 3.0)
        return with_table(given, given.table.set_column(1, "income", pa.array(values)))

    before, after = (
        with_table(one, one.table.select(["row_id", "income", "debt", "age", "city", "ordered_at"])) for one in weeks(2)
    )
    assert judged((shifted(before, 1.0), shifted(after, 1.0))).verdict == "no drift"
    found = judged((shifted(before, 1.0), shifted(after, -1.0)))
    assert found.verdict == "fault"
    assert "income: the sign is turned" in found.reasons[0]


def test_a_column_that_is_gone_is_a_fault() -> None:
    before, after = weeks(4)
    found = judged((before, with_table(after, after.table.drop(["debt"]))))
    assert found.verdict == "fault"
    assert "debt: missing in 100% of the rows" in found.reasons[0]


def test_rows_that_come_twice_are_a_fault() -> None:
    before, after = weeks(4)
    again = after.table.set_column(
        after.table.schema.get_field_index("row_id"), "row_id", pa.array(np.arange(after.table.num_rows))
    )
    found = judged((before, with_table(after, pa.concat_tables([after.table, again]))))
    assert found.verdict == "fault"
    assert "rows repeat another" in found.reasons[0]


@pytest.mark.parametrize(
    ("given", "later_rows", "words"),
    [
        (Weeks(reference=22), 150, "22 earlier periods, too few for 19 pairs"),
        (Weeks(reference=2), 150, "2 earlier periods"),
        (Weeks(), 90, "90 rows, at least 100 are needed"),
    ],
)
def test_too_little_is_not_enough_data_and_never_no_drift(given: Weeks, later_rows: int, words: str) -> None:
    before, after = weeks(6, given)
    kept = np.linspace(0, after.table.num_rows - 1, later_rows).astype(int)
    found = judged((before, with_table(after, after.table.take(pa.array(kept)))))
    assert found.verdict == "not enough data"
    assert words in found.reasons[0]


def test_a_few_rows_where_there_were_many_are_a_fault() -> None:
    before, after = weeks(6, Weeks(rows=600))
    found = judged((before, with_table(after, after.table.take(pa.array([0, 50, 599])))))
    assert found.verdict == "fault"
    assert found.reasons[0].endswith("3 rows, where the reference has at least 600 in a period.")


def test_no_window_after_the_reference_is_not_enough_data() -> None:
    before, _ = weeks(6)
    found = judged((before, before))
    assert (found.verdict, found.windows) == ("not enough data", ())


def test_a_window_that_is_cut_short_is_not_judged() -> None:
    before, after = weeks(6, Weeks(later=2))
    times = np.asarray(after.table["ordered_at"]).astype(np.int64)
    cut = with_table(after, after.table.filter(pa.array(times < times.min() + 1.5 * WEEK)))
    assert len(judged((before, cut)).windows) == 1


@pytest.mark.filterwarnings("error")
def test_a_window_long_after_the_reference_is_held_against_pairs_as_far_apart() -> None:
    before, after = weeks(6, Weeks(reference=30, later=6))
    times = np.asarray(after.table["ordered_at"]).astype(np.int64)
    found = judged((before, with_table(after, after.table.filter(pa.array(times >= times.min() + 5 * WEEK)))))
    assert [(window.lag, window.state, window.nulls) for window in found.windows] == [(6, "quiet", 21)]


def test_a_window_without_times_stands_alone() -> None:
    before, after = weeks(8, Weeks(), added("income", 2.0))
    found = judged((before, replace(with_table(after, after.table.drop(["ordered_at"])), time_column="", end="")))
    assert (found.verdict, len(found.windows), found.windows[0].lag) == ("drift", 1, 1)
    assert found.policy.of_windows == 1


def test_columns_that_move_by_construction_are_left_out_with_a_reason() -> None:
    def with_movers(given: Observed) -> Observed:
        times = np.asarray(given.table["ordered_at"])
        micro = times.astype(np.int64)
        table = given.table
        for name, values in {
            "month": (times.astype("datetime64[M]").astype(np.int64) % 12 + 1),
            "day": (times.astype("datetime64[D]") - times.astype("datetime64[M]")).astype(np.int64) + 1,
            "year": times.astype("datetime64[Y]").astype(np.int64) + 1970,
            "number": np.argsort(np.argsort(micro)) + 150 * (micro.min() // WEEK),
            "order": np.array([f"order {one}" for one in micro]),
            "batch": np.array([f"batch {one // WEEK} {one % 3}" for one in micro]),
            "hour": (times.astype("datetime64[h]").astype(np.int64)) % 24,
            "shipped_at": times + np.timedelta64(1, "D"),
        }.items():
            table = table.append_column(name, pa.array(values))
        return replace(with_table(given, table), key_columns=("order",))

    found = judged(tuple(map(with_movers, weeks(9, Weeks(reference=30)))), exclude=["debt"])
    assert {one.column: one.reason for one in found.excluded} == {
        "month": "it is the month of the time column",
        "day": "it is the day of the month of the time column",
        "year": "it is the year of the time column",
        "number": "it only rises, or only falls, from period to period",
        "order": "it identifies rows",
        "batch": "successive periods have few values in common",
        "shipped_at": "it is a time",
        "debt": "named in exclude_columns",
    }
    assert {one.name for one in newest(found).members} == {"income", "age", "city", "hour", "joint"}


def test_text_that_is_new_in_every_row_tells_rows_apart() -> None:
    def named(given: Observed) -> Observed:
        return with_table(given, given.table.append_column("name", given.table["row_id"].cast(pa.string())))

    found = judged(tuple(map(named, weeks(9))))
    assert [(one.column, one.reason) for one in found.excluded] == [
        ("name", "most of its values occur once: it tells rows apart")
    ]


def test_the_order_of_the_rows_changes_nothing(quiet: Findings) -> None:
    random = np.random.default_rng(0)
    shuffled = [
        with_table(one, one.table.take(pa.array(random.permutation(one.table.num_rows))))
        for one in weeks(3, Weeks(later=4))
    ]
    assert judged(tuple(shuffled)).figures() == quiet.figures()


def test_a_column_in_another_unit_everywhere_changes_nothing(quiet: Findings) -> None:
    moved = []
    for one in weeks(3, Weeks(later=4)):
        place = one.table.schema.get_field_index("income")
        values = np.asarray(one.table["income"]) * 2.0
        moved.append(with_table(one, one.table.set_column(place, "income", pa.array(values))))
    found = judged(tuple(moved))
    assert [[member.p for member in window.members] for window in found.windows] == [
        [member.p for member in window.members] for window in quiet.windows
    ]


def test_what_stood_after_some_windows_is_what_they_alone_would_have_given() -> None:
    before, after = weeks(12, Weeks(later=5), added("income", 2.0), first=2)
    whole = judged((before, after))
    assert [window.state for window in whole.windows] == ["quiet", "quiet", "watch", "drift", "drift"]
    for count in (2, 3, 4):
        alone = judged((before, with_table(after, after.table.slice(0, 150 * count))))
        assert until(whole, count).figures() == alone.figures()


def test_two_reports_of_one_event_have_one_key_and_another_event_has_another() -> None:
    before, after = weeks(12, Weeks(later=5), added("income", 2.0), first=2)
    whole = judged((before, after))
    keys = {until(whole, count).event.key for count in (4, 5)}
    other = judged(weeks(12, Weeks(later=5), added("income", 2.0), first=1)).event
    assert len(keys) == 1
    assert other is not None
    assert other.key not in keys
    assert whole.event is not None
    assert whole.event.onset == whole.windows[2].start


def test_predictions_that_fail_outrank_columns_that_moved() -> None:
    def worse(columns: Columns, random: np.random.Generator) -> Columns:
        turned = 1.0 - columns["prediction"]
        return {**columns, "prediction": turned, "income": columns["income"] + 3.0}

    found = judged(weeks(13, Weeks(later=2, scored=True), worse))
    assert found.verdict == "drift"
    assert found.event is not None
    assert found.event.tier == "performance"
    tiers = [member.tier for member in newest(found).members]
    assert tiers == sorted(tiers, key=("performance", "prediction", "label", "input", "joint").index)
    assert {"log_loss", "roc_auc", "income"} <= alarming(found)
    assert found.reasons[1].startswith("performance: ")
    assert found.reference["model_version"] == "v1"


def test_labels_that_have_not_come_are_no_drift() -> None:
    found = judged(weeks(14, Weeks(scored=True, unlabelled=1.0)))
    assert found.verdict == "no drift"
    assert {member.tier for member in newest(found).members} == {"prediction", "input", "joint"}
    assert newest(found).unjudged == ("left: fewer than 100 rows have it", "errors: fewer than 100 rows have it")


@pytest.mark.parametrize(("weeks_without", "judged_too"), [(6, True), (16, False)])
def test_periods_without_predictions_are_left_out_or_else_the_predictions_are(
    weeks_without: int, judged_too: bool
) -> None:
    before, after = weeks(16, Weeks(reference=32, scored=True))
    prediction = np.asarray(before.table["prediction"]).copy()
    prediction[: 150 * weeks_without] = np.nan
    place = before.table.schema.get_field_index("prediction")
    part = before.table.set_column(place, "prediction", pa.array(prediction, from_pandas=True))
    found = newest(judged((with_table(before, part), after)))
    assert ("prediction" in {member.name for member in found.members}) == judged_too
    assert found.unjudged == (
        () if judged_too else tuple(f"{name}: fewer than 19 earlier pairs have it" for name in ("prediction", "errors"))
    )


def test_labels_of_some_rows_are_compared_among_those_that_have_one() -> None:
    found = judged(weeks(15, Weeks(scored=True, rows=400, unlabelled=0.5)))
    label = next(member for member in newest(found).members if member.tier == "label")
    shown = next(one for one in newest(found).distributions if one.column == "left")
    assert not label.alarm
    assert shown.window[shown.bins.index("missing")] == 0.0


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"every": "week"}, ArgumentError, "every: expected a whole number with s, m, h, d or w"),
        ({"exclude": ["salary"]}, ArgumentError, "exclude_columns: expected columns of"),
        ({"exclude": ["income", "debt", "age", "city"]}, DataError, "expected a column that can be watched"),
    ],
)
def test_a_series_that_cannot_be_judged_is_an_error_in_words(
    changes: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        judged(weeks(1), **changes)


def test_a_reference_without_times_is_an_error_in_words() -> None:
    before, after = weeks(1)
    with pytest.raises(DataError, match=r"reference: expected a time column.*time_column"):
        judged((replace(before, time_column="", end=""), after))


def test_days_without_hours_make_whole_weeks() -> None:
    def daily(given: Observed) -> Observed:
        days = np.asarray(given.table["ordered_at"]).astype("datetime64[D]").astype("datetime64[us]")
        columns = {name: given.table[name].to_numpy(zero_copy_only=False) for name in given.table.column_names}
        return observed({**columns, "ordered_at": days})

    found = judged(tuple(map(daily, weeks(3, Weeks(later=3)))))
    assert [window.rows for window in found.windows] == [150, 150, 150]
    assert found.reference["periods"] == 26
