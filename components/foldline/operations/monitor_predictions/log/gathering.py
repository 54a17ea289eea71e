"""The request log as counts and bounded samples of each period."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from foldline.operations.monitor_predictions.inputs.expected import Expected
from foldline.operations.monitor_predictions.inputs.tally import Tally
from foldline.operations.monitor_predictions.inputs.values import typed
from foldline.operations.monitor_predictions.log.alike import Alike, kinds_of
from foldline.operations.monitor_predictions.log.exchanges import Answered, Asked, parse
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.periods import Periods
from foldline.operations.monitor_predictions.statistics import Sample

BATCH_ROWS = 4096
# Requests that wait for their answer, or the other way round.
MOST_WAITING = 200_000
MOST_UNKNOWN = 50
OUTSIDE, REPEATED, UNPAIRED, ANSWERS_ALONE, OTHER_ROWS = (
    "outside of the periods",
    "of an identity that came before",
    "requests without an answer",
    "answers without a request",
    "answers of another number of rows",
)


@dataclass
class Gathered:
    """What a log holds of some periods.

    Attributes:
        version: of the model whose events count.
        expected: by column.
        requests, answered: shape (n_periods,).
        tally: of the inputs' columns.
        predictions: a sample of each period.
        latencies: a sample of each period, milliseconds, width 1.
        alike: of each period.
        passed_over: lines and events by the reason why they do not count, or are not whole.
        unknown: columns of requests that the reference has not.
    """

    version: str
    outputs: int
    periods: Periods
    expected: dict[str, Expected]
    passed_over: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        count = self.periods.count
        self.requests, self.answered = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.tally = Tally.empty(tuple(self.expected), count)
        self.predictions = [Sample(self.outputs, period) for period in range(count)]
        self.latencies = [Sample(1, period) for period in range(count)]
        self.alike = [Alike() for _ in range(count)]
        self._asked: dict[str, tuple[int, int]] = {}
        self._answers: dict[str, int] = {}
        self._batch: list[tuple[int, Asked]] = []
        self._said: list[tuple[int, Answered]] = []
        self._batch_rows = 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Take whole lines."""
        for line in lines:
            found = parse(line, self.version, self.outputs)
            if isinstance(found, str):
                self.passed_over[found] += 1
                continue
            period = self.periods.index(found.at)
            if period < 0:
                self.passed_over[OUTSIDE] += 1
            elif isinstance(found, Asked):
                self._ask(period, found)
            else:
                self._answer(period, found)

    def finish(self) -> None:
        """Count what is left."""
        self._flush()
        self.passed_over[UNPAIRED] += len(self._asked)
        self.passed_over[ANSWERS_ALONE] += len(self._answers)
        self.passed_over = Counter({reason: count for reason, count in self.passed_over.items() if count})

    def _ask(self, period: int, asked: Asked) -> None:
        self.requests[period] += 1
        self._batch.append((period, asked))
        self._hold(asked.rows)
        answer_rows = self._answers.pop(asked.identity, None)
        if answer_rows is not None:
            self._pair(period, asked.rows, answer_rows)
            return
        self.passed_over[REPEATED] += asked.identity in self._asked
        self._asked[asked.identity] = (period, asked.rows)
        if len(self._asked) > MOST_WAITING:
            del self._asked[next(iter(self._asked))]
            self.passed_over[UNPAIRED] += 1

    def _answer(self, period: int, answered: Answered) -> None:
        self._said.append((period, answered))
        self._hold(len(answered.predictions))
        asked = self._asked.pop(answered.identity, None)
        if asked is not None:
            self._pair(*asked, len(answered.predictions))
            return
        self._answers[answered.identity] = len(answered.predictions)
        if len(self._answers) > MOST_WAITING:
            del self._answers[next(iter(self._answers))]
            self.passed_over[ANSWERS_ALONE] += 1

    def _pair(self, period: int, asked_rows: int, answered_rows: int) -> None:
        self.answered[period] += 1
        self.passed_over[OTHER_ROWS] += asked_rows != answered_rows

    def _hold(self, rows: int) -> None:
        self._batch_rows += rows
        if self._batch_rows >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._count_asked()
        for period in {period for period, _ in self._said}:
            said = [answered for own, answered in self._said if own == period]
            self.predictions[period].add(np.concatenate([answered.predictions for answered in said]))
            latencies = np.array([answered.latency_ms for answered in said])
            self.latencies[period].add(latencies[np.isfinite(latencies), None])
        self._batch, self._said, self._batch_rows = [], [], 0

    def _count_asked(self) -> None:
        period = np.repeat([period for period, _ in self._batch], [asked.rows for _, asked in self._batch])
        self.tally.rows += np.bincount(period, minlength=self.periods.count)
        columns: dict[str, pa.Array] = {}
        for name, one in self.expected.items():
            values, given = [], []
            for _, asked in self._batch:
                values += asked.columns.get(name) or [None] * asked.rows
                given += [name in asked.columns] * asked.rows
            columns[name], wrong = typed(values, one.dtype)
            self.tally.add(name, period, one.misfits(columns[name], wrong), np.array(given))
        for _, asked in self._batch:
            if len(self.unknown) < MOST_UNKNOWN:
                self.unknown |= asked.columns.keys() - self.expected.keys()
        kinds = kinds_of(columns, self.expected)
        for one_period in np.unique(period):
            self.alike[one_period].add(kinds[period == one_period])

    def latency_quantile(self, quantile: float) -> Floats:
        """Milliseconds, of each period; NaN where the log does not tell; shape (n_periods,)."""
        return np.array(
            [np.quantile(sample.kept, quantile) if sample.rows else np.nan for sample in self.latencies], np.float64
        )
