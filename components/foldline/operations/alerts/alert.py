"""What is said, and what became of it."""

from dataclasses import asdict, dataclass
from typing import Any

INFO, WARNING, CRITICAL = "info", "warning", "critical"
SEVERITIES = (INFO, WARNING, CRITICAL)

SENT, SILENCED, SAID_BEFORE, IN_HAND, FAILED = "sent", "silenced", "said before", "in hand", "failed"


@dataclass(frozen=True)
class Alert:
    """A condition that holds now and that people should know.

    Attributes:
        key: the same as long as the condition is the same one, words parted by `/`; silences match it.
        severity: one of `SEVERITIES`.
        subject: what it is about, in a word or two.
        sentence: the condition for people, with its figures.
        figures: JSON values, finite.
    """

    key: str
    severity: str
    subject: str
    sentence: str
    figures: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Delivery:
    """What became of one alert at one sink.

    Attributes:
        key: of the alert.
        sink: its name.
        outcome: `sent`; `silenced`; `said before` (within `repeat_after`); `in hand` (another task is sending it);
            `failed`.
        detail: why, in words without a secret; empty where there is nothing to say.
    """

    key: str
    sink: str
    outcome: str
    detail: str = ""

    def to_json(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)
