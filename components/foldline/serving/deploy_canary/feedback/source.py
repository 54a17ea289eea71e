"""Reads logs and table as they grow, and joins them."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foldline.artifacts import Task
from foldline.errors import DataError, FoldlineError
from foldline.serving.deploy_canary.feedback import table
from foldline.serving.deploy_canary.feedback.answers import Answers
from foldline.serving.deploy_canary.feedback.effect import Effect, effect
from foldline.serving.deploy_canary.feedback.files import files
from foldline.serving.deploy_canary.feedback.settings import Settings
from foldline.serving.deploy_canary.judge.labels import Labelled


@dataclass
class Joined:
    """Requests with label and answer that were not told before.

    Attributes:
        rows: of the table that are used up by now, and `digest` of them.
        answered: of the new rows, with an answer; each arm that gave one.
        unanswered: new rows whose request is in no log.
        problem: why there are none, in words; empty where there are.
    """

    rows: int
    digest: str
    answered: list[Labelled] = field(default_factory=list)
    unanswered: int = 0
    problem: str = ""


class Feedback:
    """The feedback of one rollout.

    Args:
        versions: of the champion and of the challenger.
    """

    def __init__(self, settings: Settings, model_name: str, versions: tuple[str, str], task: Task) -> None:
        self.settings, self._task = settings, task
        self._answers = Answers(model_name, versions, task)
        self._logs = files(settings.log, "policy.feedback.log")
        self._table = files(settings.table, "policy.feedback.table")
        self._offsets: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._known = pa.table({"request": pa.array([], pa.string()), "value": pa.array([], pa.string())})

    @property
    def is_classification(self) -> bool:
        """Whether a label is a class."""
        return self._task.is_classification

    def effect(self, since: float, until: float) -> Effect:
        """The challenger's effect on the table's value, over requests answered in this time (seconds since 1970).

        What cannot be read is a problem in words.
        """
        try:
            self._read_logs()
            found = self._rows()
            value = found["value"].cast(pa.float64())
        except (FoldlineError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as fault:
            return Effect(0, 0, problem=str(fault).rstrip("."))
        arms: tuple[list[float], list[float]] = ([], [])
        # Of a request that has several rows, the last one counts.
        for request, number in dict(zip(found["request"].to_pylist(), value.to_pylist(), strict=True)).items():
            got = self._answers.user_got(request)
            if got is not None and since <= got[1].at <= until and np.isfinite(number):
                arms[got[0]].append(number)
        return effect(*(np.asarray(values, np.float64) for values in arms))

    def labelled(self, rows: int, digest: str) -> Joined:
        """What the table has beyond its first `rows`, whose digest this is.

        What cannot be read is a problem in words.
        """
        try:
            self._read_logs()
            found = self._rows()
            if len(found) < rows or _digest(found.slice(0, rows)) != digest:
                problem = (
                    f"table {self.settings.table}: rows that were counted have changed; it may grow at its end only"
                )
                return Joined(rows, digest, problem=problem)
            new = found.slice(rows)
            labels = self._task.encode(new["value"]) if len(new) else np.zeros(0)
        except FoldlineError as fault:
            return Joined(rows, digest, problem=str(fault).rstrip("."))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as fault:
            return Joined(rows, digest, problem=f"labels: {fault}")
        joined = Joined(len(found), _digest(found) if len(new) else digest)
        told = set(found["request"].slice(0, rows).to_pylist())
        for request, label in zip(new["request"].to_pylist(), labels.tolist(), strict=True):
            if request in told:
                continue
            told.add(request)
            answers = self._answers.of(request)
            joined.unanswered += answers == (None, None)
            for arm, answered in enumerate(answers):
                if answered is not None and answered.said is not None:
                    off = abs(answered.said - label)
                    loss = float(off > 0) if self._task.is_classification else off
                    joined.answered.append(Labelled(arm, answered.at, loss))
        if not joined.answered and joined.unanswered:
            joined.problem = f"none of {joined.unanswered} new rows is of a request in the log"
        return joined

    def _rows(self) -> pa.Table:
        sizes = self._table.sizes()
        if not sizes:
            raise DataError(f"table {self.settings.table}", expected="a table", got="none so far")
        if sizes != self._sizes:
            self._known = table.read(self._table.read(next(iter(sizes)), 0), self.settings)
            self._sizes = sizes
        return self._known

    def _read_logs(self) -> None:
        for name, size in self._logs.sizes().items():
            offset = self._offsets.get(name, 0)
            if name.endswith(".jsonl") and size > offset:
                whole, newline, _ = self._logs.read(name, offset).rpartition(b"\n")
                for line in whole.splitlines():
                    self._answers.add(line)
                self._offsets[name] = offset + len(whole) + len(newline)


def _digest(rows: pa.Table) -> str:
    if not len(rows):
        return ""
    text = pc.binary_join_element_wise(rows["request"], rows["value"].cast(pa.string()), "\t")
    return hashlib.sha256("\n".join(text.to_pylist()).encode()).hexdigest()
