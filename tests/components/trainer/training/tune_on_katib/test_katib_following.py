"""A search followed to its end: budgets, standstills, failures, and a task that runs again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foldline.cluster import UnansweredError
from foldline.errors import ClusterError, TrainingError
from foldline.training.search.trial import ABANDONED, COMPLETED, STOPPED, TrialRecord
from foldline.training.tune_on_katib.engine import Seen, Sight, Trouble
from foldline.training.tune_on_katib.following import Followed, Limits, follow
from foldline.training.tune_on_katib.observing import stay_until_observed
from foldline.training.tune_on_katib.records import SEEN, UNSEEN, Records

WHOLE = {0: 0.8, 1: 0.7}
NOTHING = Sight((), "", False, 0, None, "0 trials")
TROUBLE = Trouble("image", "pod/x cannot get image y", "See the image's name.", 120.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scripted:
    """An engine whose sights are given; the last one stays."""

    what = "experiment/search-1 in namespace ann"

    def __init__(self, *sights: Sight | Exception, began_s: float = 0.0) -> None:
        self._sights, self._began_s = list(sights), began_s
        self.calls: list[str] = []

    def start(self) -> float:
        self.calls.append("start")
        return self._began_s

    def look(self) -> Sight:
        sight = self._sights.pop(0) if len(self._sights) > 1 else self._sights[0]
        if isinstance(sight, Exception):
            raise sight
        return sight

    def end_trials(self) -> None:
        self.calls.append("end_trials")

    def remove(self) -> None:
        self.calls.append("remove")


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(str(tmp_path))


def trial(name: str, *, over: bool = True, **fields: str | bool) -> Seen:
    return Seen(name, {"x": 1}, over, **fields)  # type: ignore[arg-type]


def wrote(records: Records, name: str, state: str = COMPLETED, saw: str = SEEN) -> None:
    values = WHOLE if state == COMPLETED else {0: 0.8}
    records.write(TrialRecord(0, {"x": 1}, state, fold_values=values, where=name), saw)


def followed(
    engine: Scripted, records: Records, budget_s: float = 0.0, say: Callable[[str], None] = lambda line: None
) -> Followed:
    clock = Clock()
    return follow(engine, records, Limits(budget_s, 1800.0, 0.5), say, clock=clock, sleep=clock.sleep)


def test_a_search_that_ends_gives_the_records_that_its_trials_wrote(records: Records) -> None:
    wrote(records, "a")
    wrote(records, "b", ABANDONED)
    sight = Sight((trial("a"), trial("b", over=False)), "the goal is reached", False, 1, None, "2 trials")
    engine = Scripted(NOTHING, sight, began_s=40.0)
    found = followed(engine, records)
    assert [(one.number, one.where, one.state) for one in found.trials] == [(0, "a", COMPLETED), (1, "b", ABANDONED)]
    assert (found.why, found.seconds) == ("the goal is reached", 45.0)
    assert engine.calls == ["start", "end_trials"]


def test_a_record_that_is_whole_counts_where_the_engine_says_failed(records: Records) -> None:
    wrote(records, "a")
    failed = trial("a", failed=True, failure="bug", message="the collector ended")
    found = followed(Scripted(Sight((failed,), "over", False, 0, None, "")), records)
    assert found.trials[0].state == COMPLETED


def test_a_trial_that_left_nothing_fails_in_the_engines_words(records: Records) -> None:
    wrote(records, "a")
    failed = trial("b", failed=True, failure="out_of_memory", message="killed")
    found = followed(Scripted(Sight((trial("a"), failed), "over", False, 0, None, "")), records)
    assert (found.trials[1].state, found.trials[1].failure, found.trials[1].message) == (
        "failed", "out_of_memory", "killed"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("began", "seconds"), [("2026-11-21T20:00:00+00:00", 70.0), ("", 0.0)], ids=["began", "never began"]
)
def test_a_trial_that_was_killed_has_taken_the_time_until_then(records: Records, began: str, seconds: float) -> None:
    wrote(records, "a")
    if began:
        partly = TrialRecord(0, {"x": 1}, ABANDONED, fold_values={0: 0.8}, seconds=20.0, began=began, where="b")
        records.write(partly, SEEN)
    killed = trial("b", failed=True, failure="time_out", message="late", ended="2026-11-21T20:01:10Z")
    (_, found) = followed(Scripted(Sight((trial("a"), killed), "over", False, 0, None, "")), records).trials
    assert (found.state, found.ended, found.seconds) == ("failed", "2026-11-21T20:01:10Z", seconds)


@pytest.mark.parametrize("failed", [True, False], ids=["failed", "succeeded"])
def test_an_end_without_a_usable_trial_is_a_failure_with_its_reason(records: Records, failed: bool) -> None:
    wrote(records, "a", STOPPED)
    broken = trial("b", failed=True, failure="bug", message="no such layer")
    trials, trouble = (trial("a"), broken), Trouble("refused", "the algorithm refuses the search: x")
    sight = Sight(trials, "Suggestion has failed", failed, 0, trouble, "")
    with pytest.raises(ClusterError, match=r"the search: x; 1 failed, 1 stopped; b failed \(bug\): no such layer"):
        followed(Scripted(sight), records)


def test_more_failures_than_are_allowed_are_an_error_with_the_last_one(records: Records) -> None:
    wrote(records, "a")
    broken = [trial(name, failed=True, failure="bug", message=f"no layer {name}") for name in ("b", "c")]
    sight = Sight((trial("a"), *broken), "too many failed", True, 0, None, "")
    with pytest.raises(TrainingError, match=r"at most 50% that fail, got 2 of 3 .*c failed \(bug\): no layer c"):
        followed(Scripted(sight), records)


def test_an_engine_that_gave_up_with_few_failures_leaves_the_best_so_far(records: Records) -> None:
    wrote(records, "a")
    sight = Sight((trial("a"),), "Suggestion has failed", True, 0, None, "")
    assert followed(Scripted(sight), records).why == "Suggestion has failed"


def test_the_budget_ends_a_search_with_the_best_so_far_and_a_second_task_finds_it(records: Records) -> None:
    wrote(records, "a")
    going = Sight((trial("a"), trial("b", over=False)), "", False, 1, None, "2 trials")
    engine = Scripted(going, began_s=90.0)
    found = followed(engine, records, budget_s=100.0)
    assert (found.why, found.seconds) == ("the time of the budget, 100 s, is over", 100.0)
    assert engine.calls == ["start", "remove"]
    again = Scripted(NOTHING)
    kept = followed(again, Records(records.folder), budget_s=100.0)
    assert (kept.trials, kept.why, again.calls) == (found.trials, found.why, [])


def test_a_budget_without_a_whole_trial_is_a_failure_and_nothing_goes_on(records: Records) -> None:
    engine = Scripted(Sight((trial("a", over=False),), "", False, 1, None, "1 trial"))
    with pytest.raises(ClusterError, match="at least one trial that has all folds in the time of the budget"):
        followed(engine, records, budget_s=60.0)
    assert engine.calls == ["start", "remove"]


def test_trouble_that_lasts_ends_the_search_with_its_cure(records: Records) -> None:
    engine = Scripted(replace(NOTHING, trouble=TROUBLE))
    lines: list[str] = []
    with pytest.raises(ClusterError, match=r"got pod/x cannot get image y \(no trial yet\)\. See the image's name\."):
        followed(engine, records, say=lines.append)
    # What is wrong stays to be looked at.
    assert engine.calls == ["start"]
    assert lines == [f"{engine.what}: 0 trials", f"{engine.what}: 0 trials; {TROUBLE.words}"]


def test_trouble_of_one_kind_lasts_while_its_words_change(records: Records) -> None:
    said = [replace(NOTHING, trouble=replace(TROUBLE, words=f"pod/{index}: no image")) for index in range(40)]
    with pytest.raises(ClusterError, match="got pod/24: no image"):
        followed(Scripted(*said), records)


def test_trouble_that_passes_is_waited_through(records: Records) -> None:
    wrote(records, "a")
    troubled = [replace(NOTHING, trouble=TROUBLE)] * 20
    ended = Sight((trial("a"),), "over", False, 0, None, "1 trial")
    assert followed(Scripted(*troubled, NOTHING, *troubled, ended), records).why == "over"


def test_a_search_that_stands_still_ends_with_what_it_has(records: Records) -> None:
    wrote(records, "a")
    engine = Scripted(Sight((trial("a"),), "", False, 0, None, "1 trials, 1 over"))
    found = followed(engine, records)
    assert found.why.startswith("nothing moved: nothing has moved for 1800 s")
    assert engine.calls == ["start", "remove"]


def test_a_trial_at_work_is_no_standstill(records: Records) -> None:
    wrote(records, "a")
    working = [Sight((trial("a", over=False),), "", False, 1, None, "1 trial")] * 1000
    found = followed(Scripted(*working, Sight((trial("a"),), "over", False, 0, None, "")), records)
    assert found.seconds == 5000.0


def test_an_api_server_that_is_away_for_a_while_is_waited_for(records: Records) -> None:
    wrote(records, "a")
    away = UnansweredError("Kubernetes API", expected="an answer", got="refused")
    ended = Sight((trial("a"),), "over", False, 0, None, "1 trial")
    assert followed(Scripted(*[away] * 50, ended), records).why == "over"
    with pytest.raises(UnansweredError):
        followed(Scripted(away), records)


def test_the_trials_are_told_how_all_of_them_do(records: Records) -> None:
    wrote(records, "a")
    wrote(records, "b", ABANDONED, UNSEEN)
    followed(Scripted(Sight((trial("a"), trial("b")), "over", False, 0, None, "")), records)
    assert Records(records.folder).others("b") == [[0.8, 0.7]]
    assert Records(records.folder).others("a") == [[0.8]]
    assert records.blind() == ["b"]


def test_a_trial_stays_until_the_collector_beside_it_runs(tmp_path: Path) -> None:
    clock = Clock()
    for number, words in {1: b"/pause", 20: b"python\0-m\0trial\0--collector=metricscollector"}.items():
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes(words)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now == 30.0:
            (tmp_path / "31").mkdir()
            (tmp_path / "31" / "cmdline").write_bytes(b"./file-metricscollector\0-t\0search-1-a")

    assert stay_until_observed("metricscollector", processes=tmp_path, clock=clock, sleep=sleep)
    assert clock.now == 35.0
    assert not stay_until_observed("nobody", processes=tmp_path, clock=clock, sleep=clock.sleep)
