"""What the decision says of a rollout that broke off: who serves, and what the next run does."""

from pathlib import Path

import pytest

from foldline.artifacts import Decision
from foldline.errors import ServingError
from foldline.serving.deploy_canary.outcome import Outcome
from foldline.serving.deploy_canary.rollout.record import Record

BEGUN = Record("id", "late", "new", "old", {}, started_at=1.0, entered_at=1.0)


def broken_off(folder: Path, record: Record | None, *problems: str) -> Decision:
    """The decision of a rollout whose pod was gone when it stood so."""
    figures = {"challenger_version": "new", "model_name": "late"}
    outcome = Outcome(folder / "decision", folder / "report.html", lambda _: None, policy={}, figures=figures)

    def roll_out() -> None:
        with outcome.told():
            outcome.problems += problems
            if record is not None:
                outcome.noted(record)
            raise ServingError("pod", expected="one", got="none")

    with pytest.raises(ServingError, match="pod: expected one, got none"):
        roll_out()
    return Decision.read(folder / "decision")


@pytest.mark.parametrize(
    ("phase", "verdict", "said"),
    [
        (None, "keep", "The champion stays: pod: expected"),
        ("examining", "keep", "The champion stays: pod: expected"),
        ("reverted", "keep", "The champion stays: pod: expected"),
        ("shifting", "hold", "The challenger may still have 25 % of the requests, and the next run goes on: pod"),
        ("promoting", "hold", "The challenger may still have 25 % of the requests, and the next run goes on: pod"),
        ("reverting", "rollback", "The way back is not finished, and the challenger may still serve; it goes back"),
        ("baking", "promote", "Version new is the champion, and the next run ends the rollout: pod"),
        ("settling", "promote", "Version new is the champion, and the next run ends the rollout: pod"),
    ],
)
def test_a_rollout_that_breaks_off_is_told_as_it_stands(
    phase: str | None, verdict: str, said: str, tmp_path: Path
) -> None:
    record = BEGUN.entering(phase, 2.0, phase, percent=25.0, reasons=("it was worse",)) if phase else None
    decision = broken_off(tmp_path, record)
    assert decision.verdict == verdict
    assert decision.reasons[0].startswith(said)
    assert decision.reasons[0].endswith("pod: expected one, got none.")
    assert decision.figures.get("phase") == phase


def test_wrong_answers_do_not_hide_that_the_way_back_is_not_finished(tmp_path: Path) -> None:
    problem = "golden request 0: status 500"
    decision = broken_off(tmp_path, BEGUN.entering("reverting", 2.0, "back", reasons=(problem,)), problem)
    assert decision.verdict == "rollback"
    assert decision.reasons[0].startswith("The way back is not finished")
    assert f"it goes back because of this: {problem}" in decision.reasons[0]
