"""Files of `detect_drift`: datasets in, decision and report out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.drift import BINARY, Columns, Weeks, weeks
from foldline.artifacts import Dataset, Decision
from foldline.artifacts.dataset import ROW_ID, row_id_array
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.policy import Policy
from foldline.data.detect_drift.run import run
from foldline.errors import ArgumentError

MODEL = {"version": "v7", "digest": "f" * 64, "label": "left", "task": BINARY.to_json(), "predictions": ["prediction"]}


def written(path: Path, given: Observed) -> Dataset:
    return Dataset.write(
        path,
        given.table.drop([ROW_ID]),
        source={"uri": "weeks"},
        time_column="ordered_at",
        model=MODEL if given.task else None,
        row_id=row_id_array(given.table),
    )


def ran(folder: Path, pair: tuple[Observed, Observed], **changes: Any) -> tuple[Decision, str, dict[str, float]]:
    """Decision, report and metrics."""
    for name, one in zip(("reference", "window"), pair, strict=True):
        written(folder / name, one)
    metrics: dict[str, float] = {}
    given = {"every": "7d", "exclude_columns": [], "policy": {"minimum_rows": 100.0}, **changes}
    run(
        reference=str(folder / "reference"),
        window=str(folder / "window"),
        decision=str(folder / "decision"),
        report=str(folder / "report.html"),
        log_metric=metrics.__setitem__,
        describe=lambda described: None,
        **given,
    )
    return Decision.read(folder / "decision"), (folder / "report.html").read_text(), metrics


def shifted(columns: Columns, random: np.random.Generator) -> Columns:
    return {**columns, "income": columns["income"] + 2.0}


def test_drift_is_a_decision_with_every_figure_and_a_page(tmp_path: Path) -> None:
    decision, report, metrics = ran(tmp_path, weeks(12, Weeks(later=3, scored=True), shifted, first=1))
    assert (decision.subject, decision.verdict) == ("drift", "drift")
    assert decision.policy == Policy(minimum_rows=100).to_json()
    assert decision.figures["reference"]["model_version"] == "v7"
    assert decision.figures["event"]["onset"] == decision.figures["windows"][1]["start"]
    income = next(one for one in decision.figures["windows"][2]["members"] if one["name"] == "income")
    assert income["alarm"]
    assert income["effect"] > income["floor"]
    shown = next(one for one in decision.figures["distributions"] if one["column"] == "income")
    assert sum(shown["window"]) == pytest.approx(1.0)
    assert len(shown["bins"]) == len(shown["window"]) == len(shown["reference"])
    assert metrics["windows_judged"] == 3
    assert metrics["windows_with_alarms"] == 2
    for text in (decision.reasons[0], "income: deviation and limit", "Distributions", decision.figures["event"]["key"]):
        assert text in report


def test_not_enough_data_is_written_too(tmp_path: Path) -> None:
    decision, report, metrics = ran(tmp_path, weeks(1, Weeks(reference=10)))
    assert decision.verdict == "not enough data"
    assert decision.figures["event"] == {}
    assert "Not enough data" in report
    assert metrics == {"windows_judged": 0, "windows_with_alarms": 0}


def test_excluded_columns_stand_in_decision_and_page(tmp_path: Path) -> None:
    decision, report, _ = ran(tmp_path, weeks(1), exclude_columns=["debt"])
    assert decision.figures["excluded"] == [{"column": "debt", "reason": "named in exclude_columns"}]
    assert "named in exclude_columns" in report


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"alfa": 0.1}, "no keys but alpha"),
        ({"alpha": "low"}, "policy.alpha: expected a number"),
        ({"alpha": 0.5}, "policy.alpha: expected a number above 0 and at most 0.2"),
        ({"clear": 0.01}, "policy.clear: expected at least alpha"),
        ({"alarms": 4}, "policy.alarms: expected 1 to 3, which of_windows is"),
        ({"alarms": 1.5}, "policy.alarms: expected a whole number"),
        ({"minimum_rows": 10}, "policy.minimum_rows: expected at least 100"),
        ({"joint_floor": 0.4}, "policy.joint_floor: expected a number below 1 and at least 0.5"),
        ([], "policy: expected an object"),
    ],
)
def test_a_policy_that_cannot_be_is_an_error_in_words(policy: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Policy.parse(policy)


def test_whole_numbers_of_a_local_run_are_whole_again() -> None:
    assert Policy.parse({"alarms": 1.0, "of_windows": 2.0, "minimum_rows": 200.0}) == Policy(
        alarms=1, of_windows=2, minimum_rows=200
    )


@pytest.mark.parametrize(("alpha", "least"), [(0.05, 19), (0.1, 19), (0.02, 49)])
def test_a_smaller_alpha_needs_more_pairs(alpha: float, least: int) -> None:
    assert Policy(alpha=alpha).least_nulls == least
