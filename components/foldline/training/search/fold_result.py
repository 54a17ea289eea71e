"""What the training of a trial on one fold gave."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

NOTHING = float("nan")


@dataclass(frozen=True)
class FoldResult:
    """One trial on one fold.

    Attributes:
        value: the objective's metric on the fold's own rows; NaN where it failed.
        other_values: what else the definition asks for, by metric.
        kept_epoch: the epoch whose weights scored.
        seconds: of the training, or its share where several trials were one program.
        failure: empty, or one of `foldline.training.search.trial.FAILURES`.
        message: of the failure.
    """

    value: float
    other_values: dict[str, float] = field(default_factory=dict)
    kept_epoch: int = 0
    seconds: float = 0.0
    failure: str = ""
    message: str = ""

    @classmethod
    def failed(cls, failure: str, message: str, seconds: float = 0.0) -> Self:
        """The result of a training that gave no value."""
        return cls(NOTHING, seconds=seconds, failure=failure, message=message)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(**content)
