"""One trial of a search: its point, what its folds scored, and how it ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from foldline.errors import ArtifactError
from foldline.training.search.definition import Definition

COMPLETED, STOPPED, FAILED, ABANDONED = "completed", "stopped", "failed", "abandoned"
STATES = (COMPLETED, STOPPED, FAILED, ABANDONED)
OUT_OF_MEMORY, NOT_FINITE, TIME_OUT, BUG = "out_of_memory", "not_finite", "time_out", "bug"
FAILURES = (OUT_OF_MEMORY, NOT_FINITE, TIME_OUT, BUG)


@dataclass(frozen=True)
class TrialRecord:
    """A trial that has ended.

    Attributes:
        number: from 0, in the order in which they were proposed.
        parameters: its point; those that it has only.
        state: `completed` (all folds), `stopped` (by the rule between folds), `failed`, or `abandoned` (the budget was
            spent, or the search was interrupted).
        fold_values: the objective's metric by fold, of the folds that were trained.
        kept_epochs: by fold, the epoch whose weights scored.
        seconds: of its training; of folds that were trained as one program with others, its share.
        began, ended: times in UTC, ISO 8601.
        failure: empty, or `out_of_memory`, `not_finite`, `time_out` or `bug`.
        message: of the failure.
        other_values: by metric and fold, for further objectives and constraints.
        where: what it was trained on.
        same_as: number of the earlier trial of the same point whose scores these are; None where it was trained.
    """

    number: int
    parameters: dict[str, Any]
    state: str
    fold_values: dict[int, float] = field(default_factory=dict)
    kept_epochs: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    began: str = ""
    ended: str = ""
    failure: str = ""
    message: str = ""
    other_values: dict[str, dict[int, float]] = field(default_factory=dict)
    where: str = ""
    same_as: int | None = None

    def value(self, definition: Definition) -> float:
        """The objective over the folds that were trained; NaN where none was."""
        if not self.fold_values:
            return float("nan")
        return definition.objective.over([self.fold_values[fold] for fold in sorted(self.fold_values)])

    def to_json(self) -> dict[str, Any]:
        """As plain values; numbers of folds become text."""
        return asdict(self) | {
            "fold_values": _text_keys(self.fold_values),
            "kept_epochs": _text_keys(self.kept_epochs),
            "other_values": {name: _text_keys(of) for name, of in self.other_values.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` wrote.

        Raises:
            ArtifactError: it is none, or has a state or failure that there is not.
        """
        missing = sorted({"number", "parameters", "state"} - set(content))
        unknown = sorted(set(content) - set(cls.__dataclass_fields__))
        if missing or unknown:
            raise ArtifactError("trial of a search", expected=f"fields {list(cls.__dataclass_fields__)}",
                                got=f"without {missing}, with {unknown}")  # fmt: skip
        whole = {name: _whole_keys(content[name]) for name in ("fold_values", "kept_epochs") if name in content}
        if "other_values" in content:
            whole["other_values"] = {name: _whole_keys(of) for name, of in content["other_values"].items()}
        trial = cls(**{**content, **whole})
        if trial.state not in STATES or bool(trial.failure) != (trial.state == FAILED):
            got = f"state {trial.state!r} and failure {trial.failure!r}"
            expected = f"a state of {', '.join(STATES)}, and a failure where it failed"
            raise ArtifactError(f"trial {trial.number}", expected=expected, got=got)
        if trial.failure and trial.failure not in FAILURES:
            raise ArtifactError(f"trial {trial.number}", expected=f"a failure of {FAILURES}", got=repr(trial.failure))
        return trial


def _text_keys(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(fold): value for fold, value in values.items()}


def _whole_keys(values: Mapping[str, Any]) -> dict[int, Any]:
    return {int(fold): value for fold, value in values.items()}
