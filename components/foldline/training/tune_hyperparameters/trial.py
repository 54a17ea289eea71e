"""A trial of a search as far as it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from foldline.training.search import fields
from foldline.training.search.definition import Definition
from foldline.training.search.fold_result import FoldResult
from foldline.training.search.trial import ABANDONED, TrialRecord


@dataclass
class Trial:
    """A trial as far as it has come.

    Attributes:
        folds: results by fold, in the order in which they came.
        where: what trained it last.
        ended: empty while it lives; else its state, the time, and of a failure kind and message.
        same_as: number of the trial whose point it has again.
    """

    number: int
    point: dict[str, Any]
    began: str
    folds: dict[int, FoldResult] = field(default_factory=dict)
    where: str = ""
    ended: dict[str, Any] = field(default_factory=dict)
    same_as: int | None = None

    @property
    def live(self) -> bool:
        return not self.ended

    @property
    def text(self) -> str:
        return fields.text_of(self.point)

    def record(self, definition: Definition) -> TrialRecord:
        """The trial as the result shows it; one that still lives was abandoned."""
        metrics = definition.other_metrics
        whole = {fold: result for fold, result in self.folds.items() if not result.failure}
        ended = self.ended or {"state": ABANDONED, "at": now(), "failure": "", "message": ""}
        return TrialRecord(
            number=self.number,
            parameters=self.point,
            state=ended["state"],
            fold_values={fold: result.value for fold, result in whole.items()},
            kept_epochs={fold: result.kept_epoch for fold, result in whole.items()},
            seconds=0.0 if self.same_as is not None else sum(result.seconds for result in self.folds.values()),
            began=self.began,
            ended=ended["at"],
            failure=ended["failure"],
            message=ended["message"],
            other_values={
                name: {fold: result.other_values[name] for fold, result in whole.items()} for name in metrics
            },
            where=self.where,
            same_as=self.same_as,
        )


def first_folds(record: TrialRecord, folds: Sequence[int]) -> TrialRecord:
    """The record of a trial as it was after some of its folds."""

    def of(values: Mapping[int, float]) -> dict[int, float]:
        return {fold: values[fold] for fold in folds}

    others = {name: of(values) for name, values in record.other_values.items()}
    return replace(record, fold_values=of(record.fold_values), other_values=others)


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
