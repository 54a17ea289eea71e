"""What came of a replay: its figures, as the page and the command show them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from foldline.operations.replay.error_series import WeekOfRows, mean
from foldline.operations.replay.weeks import ALERT, RETRAIN, Week


@dataclass(frozen=True)
class Outcome:
    """A replay.

    Attributes:
        model_name: of the champions.
        metrics: names of what is measured, the error first.
        weeks: all, in order.
        without: what the first champion scored in each.
        with_retraining: what the champion of the time scored in each.
    """

    model_name: str
    metrics: tuple[str, ...]
    weeks: tuple[Week, ...]
    without: tuple[WeekOfRows, ...]
    with_retraining: tuple[WeekOfRows, ...]

    @classmethod
    def of(
        cls,
        model_name: str,
        metrics: Sequence[str],
        weeks: Sequence[Week],
        errors: Mapping[str, Sequence[WeekOfRows]],
    ) -> "Outcome":
        """The outcome of `weeks`.

        Args:
            errors: of each version, every week's.
        """
        first = errors[weeks[0].champion]
        served = [errors[week.champion][number] for number, week in enumerate(weeks)]
        return cls(model_name, tuple(metrics), tuple(weeks), tuple(first), tuple(served))

    @property
    def retrainings(self) -> int:
        """How often a run would have started."""
        return sum(week.action == RETRAIN for week in self.weeks)

    @property
    def alerts(self) -> int:
        """How many weeks would have raised an alert about a fault in the data."""
        return sum(week.action == ALERT for week in self.weeks)

    def means(self) -> dict[str, dict[str, float | None]]:
        """Of each metric, its mean over the weeks by their rows, `without` and `with` retraining."""
        return {
            name: {"without": mean(list(self.without), name), "with": mean(list(self.with_retraining), name)}
            for name in self.metrics
        }

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        rows = zip(self.weeks, self.without, self.with_retraining, strict=True)
        return {
            "model_name": self.model_name,
            "metrics": list(self.metrics),
            "retrainings": self.retrainings,
            "alerts": self.alerts,
            "means": self.means(),
            "weeks": [
                asdict(week)
                | {"start": week.start.isoformat(), "end": week.end.isoformat(), "rows": without.rows}
                | {"without": without.scores, "with": served.scores}
                for week, without, served in rows
            ],
        }
