"""The next move of a rollout, for every state that it can be in."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout.machine import (
    Ask,
    Leave,
    Move,
    Promote,
    Revert,
    Shift,
    Stay,
    first_step,
    while_baking,
    while_shifting,
)
from foldline.serving.deploy_canary.rollout.record import SHIFTING, Record
from foldline.serving.deploy_canary.rollout.word import Word

STEPS = [{"percent": 10, "min_s": 10, "min_requests": 100}, {"percent": 50, "min_s": 20, "min_requests": 300}]
SILENT = Word("", 0.0)


@dataclass(frozen=True)
class Judged:
    verdict: str
    reasons: tuple[str, ...] = ("errors: no evidence yet",)
    against: float = 1.0
    blind: bool = False


def policy(**changed: Any) -> Policy:
    return Policy.parse({"steps": STEPS, "deadline_s": 1000, **changed})


def record(step: int = 0, requests: int = 0, **changed: Any) -> Record:
    """One that began at 1000 and entered this step at 1100."""
    percent = STEPS[step]["percent"]
    begun = Record("id", "late", "new", "old", {}, started_at=1000.0, entered_at=1100.0, phase=SHIFTING)
    return replace(begun, step=step, percent=float(percent), step_requests=requests, **changed)


HOLD, GOOD, BAD = Judged("hold"), Judged("promote"), Judged("revert", ("errors: 9 times the champion's",))


@pytest.mark.parametrize(
    ("at", "judged", "now", "move"),
    [
        (record(0, 99), HOLD, 1150.0, Stay("99 of 100 requests of this step")),
        (record(0, 100), HOLD, 1109.0, Stay("9 of 10 s of this step")),
        (record(0, 100), HOLD, 1110.0, Shift(1)),
        (record(0, 100), GOOD, 1110.0, Shift(1)),
        (record(0, 100), Judged("hold", against=2.99), 1110.0, Shift(1)),
        (
            record(0, 100),
            Judged("hold", against=3.0),
            1110.0,
            Stay("no larger share while there is evidence against it (3)"),
        ),
        (record(1, 300), Judged("promote", against=3.0), 1120.0, Promote("all gates are satisfied")),
        (record(0, 0), BAD, 1101.0, Revert(BAD.reasons, final=True)),
        (record(1, 300), BAD, 1200.0, Revert(BAD.reasons, final=True)),
        (record(1, 300), Judged("abort", ("both fail",)), 1200.0, Revert(("both fail",), final=True)),
        (record(1, 299), GOOD, 1200.0, Stay("299 of 300 requests of this step")),
        (record(1, 300), GOOD, 1119.0, Stay("19 of 20 s of this step")),
        (record(1, 300), GOOD, 1120.0, Promote("all gates are satisfied")),
        (record(1, 300), HOLD, 1120.0, Stay("errors: no evidence yet")),
        (record(1, 300), GOOD, 2500.0, Promote("all gates are satisfied")),
    ],
)
def test_a_step_needs_its_time_and_requests_and_promotion_the_evidence(
    at: Record, judged: Judged, now: float, move: Move
) -> None:
    assert while_shifting(at, policy(), judged, percent=at.percent, word=SILENT, now=now) == move


@pytest.mark.parametrize(("on_inconclusive", "kind"), [("revert", Revert), ("hold", Leave), ("promote", Promote)])
@pytest.mark.parametrize("at", [record(0, 5), record(1, 5), record(1, 500)])
def test_at_the_deadline_without_evidence_the_policy_decides(
    at: Record, on_inconclusive: str, kind: type[Move]
) -> None:
    move = while_shifting(
        at, policy(on_inconclusive=on_inconclusive), HOLD, percent=at.percent, word=SILENT, now=2000.0
    )
    assert isinstance(move, kind)
    assert "The deadline of 1000 s came before the evidence: errors: no evidence yet" in str(move)


@pytest.mark.parametrize(
    ("percent", "said"),
    [
        (None, "Somebody took the challenger out of the route, which had 10 %."),
        (0.0, "Somebody changed the challenger's share from 10 to 0 %."),
        (100.0, "Somebody changed the challenger's share from 10 to 100 %."),
        (10.5, "Somebody changed the challenger's share from 10 to 10.5 %."),
    ],
)
def test_a_share_that_somebody_else_changed_ends_the_rollout(percent: float | None, said: str) -> None:
    move = while_shifting(record(0, 100), policy(), GOOD, percent=percent, word=SILENT, now=1110.0)
    assert move == Revert((said,), final=False)


def test_the_roundings_of_a_router_are_nobody_s_edit() -> None:
    assert isinstance(while_shifting(record(0), policy(), HOLD, percent=10.01, word=SILENT, now=1100.0), Stay)


@pytest.mark.parametrize(
    ("approval", "at", "asks"),
    [
        ("none", record(0, 100), False),
        ("none", record(1, 300), False),
        ("before_promotion", record(0, 100), False),
        ("before_promotion", record(1, 300), True),
        ("each_step", record(0, 100), True),
        ("each_step", record(1, 300), True),
    ],
)
def test_a_person_is_asked_where_the_policy_says_so(approval: str, at: Record, asks: bool) -> None:
    given = policy(approval=approval)

    def move(at: Record, word: Word, now: float = 1150.0) -> Move:
        return while_shifting(at, given, GOOD, percent=at.percent, word=word, now=now)

    assert isinstance(move(at, SILENT), Ask) == asks
    asked = replace(at, asked_at=1140.0)
    assert isinstance(move(asked, Word("approve", 1139.0)), Ask) == asks, "an approval of something earlier"
    assert not isinstance(move(asked, Word("approve", 1141.0)), Ask)
    if asks:
        unanswered = move(asked, SILENT, 2000.0)
        assert isinstance(unanswered, Revert)
        assert not unanswered.final or "deadline" in unanswered.reasons[0]


@pytest.mark.parametrize(
    ("word", "judged", "move"),
    [
        (Word("abort", 1050.0), HOLD, Revert(("A person ended the rollout.",), final=True)),
        (Word("abort", 999.0), GOOD, Promote("all gates are satisfied")),
        (Word("pause", 1050.0), GOOD, Stay("a person paused it")),
        (Word("pause", 1050.0), BAD, Revert(BAD.reasons, final=True)),
        (Word("pause", 999.0), GOOD, Promote("all gates are satisfied")),
        (Word("resume", 1050.0), GOOD, Promote("all gates are satisfied")),
    ],
)
def test_a_word_counts_in_the_rollout_in_which_it_was_said(word: Word, judged: Judged, move: Move) -> None:
    assert while_shifting(record(1, 300), policy(), judged, percent=50.0, word=word, now=1150.0) == move


@pytest.mark.parametrize(
    ("changed", "judged", "now", "said"),
    [
        ({"mode": "shadow", "mirror_percent": 20}, HOLD, 1150.0, ""),
        ({"mode": "shadow", "mirror_percent": 20}, GOOD, 1150.0, "All gates are satisfied on copies"),
        ({"mode": "shadow", "mirror_percent": 20}, HOLD, 2000.0, "The deadline of 1000 s came before the evidence"),
        ({"mode": "ab", "ab_s": 60}, GOOD, 1150.0, ""),
        ({"mode": "ab", "ab_s": 60}, GOOD, 1160.0, "The split was held for 60 s."),
    ],
)
def test_a_comparison_that_promotes_nothing_ends_with_the_champion_kept(
    changed: dict[str, Any], judged: Judged, now: float, said: str
) -> None:
    given = policy(**changed)
    step, percent = first_step(given)
    assert percent == (0.0 if given.mode == "shadow" else 50.0)
    at = replace(record(step, 500), percent=percent)
    move = while_shifting(at, given, judged, percent=percent, word=SILENT, now=now)
    if said:
        assert isinstance(move, Revert)
        assert (move.verdict, move.final) == ("keep", True)
        assert move.reasons[0].startswith(said)
    else:
        assert isinstance(move, Stay)


@pytest.mark.parametrize(
    ("judged", "now", "word", "kind"),
    [
        (HOLD, 1129.0, SILENT, Stay),
        (HOLD, 1130.0, SILENT, Promote),
        (BAD, 1101.0, SILENT, Revert),
        (HOLD, 1101.0, Word("abort", 1100.0), Revert),
    ],
)
def test_a_bake_ends_with_its_time_or_with_evidence(judged: Judged, now: float, word: Word, kind: type[Move]) -> None:
    assert isinstance(while_baking(record(1), policy(bake_s=30), judged, word=word, now=now), kind)


@pytest.mark.parametrize(
    ("now", "on_inconclusive", "kind", "said"),
    [
        (1129.0, "revert", Stay, "baking for 1 s more"),
        (1131.0, "revert", Stay, "no evidence since promotion: it bakes on"),
        (2129.0, "revert", Stay, "no evidence since promotion: it bakes on"),
        (2130.0, "revert", Revert, "came before the evidence: errors: no evidence yet"),
        (2130.0, "hold", Leave, "came before the evidence"),
        (2130.0, "promote", Promote, "came before the evidence"),
    ],
)
def test_a_bake_that_saw_nothing_goes_on_and_at_its_deadline_the_policy_decides(
    now: float, on_inconclusive: str, kind: type[Move], said: str
) -> None:
    given = policy(bake_s=30, on_inconclusive=on_inconclusive)
    move = while_baking(record(1), given, replace(HOLD, blind=True), word=SILENT, now=now)
    assert isinstance(move, kind)
    assert said in str(move)


def test_what_a_bake_has_shown_is_said_at_its_end() -> None:
    move = while_baking(record(1), policy(bake_s=30), HOLD, word=SILENT, now=1130.0)
    assert move == Promote("It stood the time of the bake: errors: no evidence yet")


@pytest.mark.parametrize(("ab_then", "kind"), [("revert", Revert), ("hold", Leave)])
def test_after_its_time_an_ab_split_is_taken_back_or_held(ab_then: str, kind: type[Move]) -> None:
    given = policy(mode="ab", ab_s=60, ab_then=ab_then)
    at = replace(record(1, 500), percent=50.0)
    move = while_shifting(at, given, HOLD, percent=50.0, word=SILENT, now=1160.0)
    assert isinstance(move, kind)
    assert "The split was held for 60 s." in str(move)
