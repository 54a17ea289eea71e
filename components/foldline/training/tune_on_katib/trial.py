"""The program of one trial's pod.

    python -m foldline.training.tune_on_katib.trial --search=s3://bucket/search-x --inputs=/inputs --name=search-x-k7 \
        --collector=metricscollector --p0=-2.5 --p1=3

It trains fold by fold, keeps what it has found in the bucket after each, stops where the others do better, and prints
the score that Katib reads. Values are words of Katib's, read again against the space.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from urllib3.exceptions import HTTPError

from foldline.errors import ArgumentError, FoldlineError
from foldline.training.backend import use_backend
from foldline.training.search.conduct import NONE
from foldline.training.search.definition import Definition
from foldline.training.search.objective import MAXIMIZE
from foldline.training.search.stopping import Course, goes_on
from foldline.training.search.trial import ABANDONED, BUG, COMPLETED, FAILED, STOPPED, TrialRecord
from foldline.training.tune_on_katib.inputs import fetch_inputs
from foldline.training.tune_on_katib.observing import stay_until_observed
from foldline.training.tune_on_katib.records import NOT_ASKED, SEEN, UNSEEN, Records, Task
from foldline.training.tune_on_katib.words import METRIC, point_of, words_of

_VALUE = re.compile(r"--p(\d+)=(.+)")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m foldline.training.tune_on_katib.trial", description=__doc__)
    parser.add_argument("--search", required=True, help="address of the search in the bucket")
    parser.add_argument("--inputs", required=True, type=Path, help="folder for the inputs, empty at the start")
    parser.add_argument("--name", required=True, help="name of the trial")
    parser.add_argument("--collector", default="", help="program that must have seen this one; none when empty")
    chosen, values = parser.parse_known_args(arguments)
    try:
        task = Task.read(chosen.search)
        definition = Definition.parse(task.definition)
        trial = Trial(task, definition, Records(chosen.search), chosen.name, chosen.inputs)
        record = trial.run(given_words(values))
    except FoldlineError as fault:
        print(fault, file=sys.stderr, flush=True)
        return 1
    if record.failure:
        print(f"the trial failed ({record.failure}): {record.message}", file=sys.stderr, flush=True)
        return 1
    print(f"{METRIC}={record.value(definition)!r}", flush=True)
    if chosen.collector:
        stay_until_observed(chosen.collector)
    return 0


def given_words(values: Sequence[str]) -> list[str]:
    """The words `--p0=…`, `--p1=…` in their order.

    Raises:
        ArgumentError: another argument, or a number that is missing.
    """
    found: dict[int, str] = {}
    for value in values:
        matched = _VALUE.fullmatch(value)
        if matched is None:
            raise ArgumentError(f"argument {value!r} of a trial", expected="--p0=value, --p1=value ...", got=value)
        found[int(matched[1])] = matched[2]
    if sorted(found) != list(range(len(found))):
        raise ArgumentError("arguments of a trial", expected="--p0, --p1 ... without a gap", got=f"{sorted(found)}")
    return [found[index] for index in sorted(found)]


class Trial:
    """One point on all folds, or on as many as the stopping rule lets it have."""

    def __init__(self, task: Task, definition: Definition, records: Records, name: str, inputs: Path) -> None:
        self._task, self._definition, self._records, self._name, self._inputs = task, definition, records, name, inputs
        self._saw = NOT_ASKED

    def run(self, values: Sequence[str]) -> TrialRecord:
        """Train and keep what is found.

        Args:
            values: a word for each parameter, in the order of the space.

        Raises:
            ArgumentError: a word is not of the space.
            FoldlineError: the inputs cannot be read, or the model's code gives no model; the record says so too.
        """
        words = words_of(self._definition.space, self._definition.algorithm.name)
        if len(words) != len(values):
            raise ArgumentError("arguments of a trial", expected=f"{len(words)} values", got=str(len(values)))
        point = point_of(words, {word.name: value for word, value in zip(words, values, strict=True)})
        record = TrialRecord(0, point, ABANDONED, began=_now(), where=self._name)
        self._records.write(record, self._saw)
        began = time.monotonic()
        try:
            record = self._trained(record)
        except Exception as fault:
            self._keep(replace(record, state=FAILED, failure=BUG, message=str(fault)), began)
            raise
        return self._keep(record, began)

    def _trained(self, record: TrialRecord) -> TrialRecord:
        use_backend("jax", deterministic=self._task.base.fitting.get("deterministic") is True)

        from foldline.training.search.folds import FoldTrainer
        from foldline.training.search.settings import Settings

        task = self._task
        fetch_inputs(task.inputs, self._inputs)
        paths = [str(self._inputs / name) for name in ("dataset", "folds", "transform")]
        trainer = FoldTrainer.read(
            paths[0], paths[1], paths[2], self._definition, task.base, task.model, task.model_code, task.seed
        )
        settings = Settings.of(task.base, record.parameters)
        for fold in trainer.folds:
            (found,) = trainer.train([settings], fold)
            if found.failure:
                seconds = record.seconds + found.seconds
                return replace(record, state=FAILED, failure=found.failure, message=found.message, seconds=seconds)
            record = replace(
                record,
                fold_values={**record.fold_values, fold: found.value},
                kept_epochs={**record.kept_epochs, fold: found.kept_epoch},
                seconds=record.seconds + found.seconds,
                other_values={
                    name: {**record.other_values.get(name, {}), fold: value}
                    for name, value in found.other_values.items()
                },
            )
            self._records.write(record, self._saw)
            print(f"fold {fold}: {self._definition.objective.metric} {found.value:.6g}", flush=True)
            if len(record.fold_values) < len(trainer.folds) and not self._goes_on(record, len(trainer.folds)):
                return replace(record, state=STOPPED)
        return replace(record, state=COMPLETED)

    def _goes_on(self, record: TrialRecord, n_folds: int) -> bool:
        rule = self._definition.stopping
        if rule.rule == NONE or self._definition.objective.reached(record.value(self._definition)):
            # What has reached the goal so far may reach it over all folds, and ends the search.
            return True
        try:
            others = self._records.others(self._name)
            self._saw = SEEN
        except (FoldlineError, HTTPError, OSError, ValueError) as fault:
            # Without the others a trial is trained on all folds.
            print(f"the other trials cannot be seen, going on: {fault}", file=sys.stderr, flush=True)
            self._saw = UNSEEN
            return True
        maximize = self._definition.objective.direction == MAXIMIZE
        own, *rest = (
            Course.of(values, maximize=maximize)
            for values in ([record.fold_values[fold] for fold in sorted(record.fold_values)], *others)
        )
        return goes_on(rule.rule, own, rest, n_folds=n_folds, eta=rule.eta)

    def _keep(self, record: TrialRecord, began: float) -> TrialRecord:
        record = replace(record, ended=_now(), seconds=record.seconds or time.monotonic() - began)
        self._records.write(record, self._saw)
        return record


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main())
