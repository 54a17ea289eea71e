"""Files of `tune_hyperparameters`: artifacts in; search, report and settings out."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from foldline.artifacts import Dataset, Folds, Transform
from foldline.disk import room_for
from foldline.errors import ArgumentError, TrainingError
from foldline.training.search import choice
from foldline.training.search.capabilities import OPTUNA, check
from foldline.training.search.definition import HOLD_OUT_FOLD, Definition
from foldline.training.search.result import conclude
from foldline.training.search.settings import Settings
from foldline.training.search.writing import write_search
from foldline.training.tune_hyperparameters.earlier import Earlier
from foldline.training.tune_hyperparameters.ending import Ending
from foldline.training.tune_hyperparameters.journal import State
from foldline.training.tune_hyperparameters.pool import Pool, slots_of
from foldline.training.tune_hyperparameters.rungs import Rungs
from foldline.training.tune_hyperparameters.study import Study

FORM = "foldline.tune_hyperparameters/1"
# What a shell reports of a process that a signal ended.
SIGNALLED = 128


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    search_path: str,
    report_path: str,
    tuned_path: str,
    definition: Mapping[str, Any],
    model: str,
    model_code: str,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: Mapping[str, Any],
    checkpoint_uri: str,
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Search, or go on with a search that was killed, and write what came of it.

    SIGINT or SIGTERM end the search: the best so far is written, and the exit status is 128 plus the signal's number.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: an input is torn, or they do not belong together.
        ModelCodeError: the model code gives no usable model.
        TrainingError: more trials failed than are allowed, or none has all folds.
    """
    folds = Folds.read(Path(folds_path))
    asked = check(Definition.parse(definition, folds.task), OPTUNA)
    base = Settings(dict(hyperparameters), epochs, batch_size, learning_rate, patience, dict(fitting))
    digests = (Dataset.read(Path(dataset_path)).digest, folds.digest, Transform.read(Path(transform_path)).digest)
    origin = dict(zip(("dataset", "folds", "transform"), digests, strict=True))
    code = hashlib.sha256(model_code.encode()).hexdigest()
    opening = {
        "dataset": dataset_path,
        "folds": folds_path,
        "transform": transform_path,
        "definition": asked.to_json(),
        "base": base.to_json(),
        "model": model,
        "model_code": model_code,
        "seed": seed,
    }
    say = partial(print, flush=True)
    numbers = folds.align(folds.row_id, folds.dataset_digest).predicted_folds
    earlier = Earlier.read(asked, os.environ, say) if asked.warm_start_uri else Earlier([], [])
    search = replace(asked, try_first=(*earlier.best, *asked.try_first))
    state = State(
        checkpoint_uri or str(Path(search_path).parent),
        f"search-{_identity(opening, origin, search)[:32]}",
        os.environ,
        say,
    )
    try:
        if not checkpoint_uri:
            say(f"the search is kept in {state.folder}; a task with other outputs begins anew without checkpoint_uri")
        found = _Search(state, search, numbers, opening, earlier.trials, say)
        signal = found.run(base)
        result = conclude(
            asked,
            OPTUNA,
            found.study.records(),
            found.choosing,
            base=base,
            held_out=found.held_out,
            fold_fits=found.fold_fits,
            seconds=found.seconds,
            engine_facts=found.facts,
            label=folds.label,
            task=folds.task,
            origin={**origin, "model_code": f"sha256:{code}"} if model_code else origin,
        )
        write_search(result, search_path, report_path, tuned_path, log_metric, describe)
        if signal:
            say(f"{found.ended}: the result is the best so far; the same command goes on with the search")
            raise SystemExit(SIGNALLED + signal)
        state.remove()
    finally:
        state.close()


class _Search:
    """One process's part of a search, from its first or its next trial to the estimate."""

    def __init__(
        self,
        state: State,
        definition: Definition,
        numbers: Sequence[int],
        opening: Mapping[str, Any],
        earlier: Sequence[tuple[dict[str, Any], list[float]]],
        say: Callable[[str], None],
    ) -> None:
        held = definition.estimate == HOLD_OUT_FOLD
        if len(numbers) < (3 if held else 2):
            raise ArgumentError(
                "folds", expected=f"at least {3 if held else 2} that are predicted", got=str(len(numbers))
            )
        self.choosing = tuple(numbers[:-1] if held else numbers)
        self._last = numbers[-1] if held else None
        self._state, self._opening, self._say = state, opening, say
        self.study = Study(state, definition, self.choosing, earlier)
        self.held_out: dict[str, Any] | None = None
        self.ended, self.seconds = "", 0.0
        self.facts: dict[str, Any] = {}
        if state.continued:
            say(f"continued with {len(self.study.trials)} of {definition.trials} trials begun")

    @property
    def fold_fits(self) -> int:
        held = 0 if self.held_out is None else 1
        return held + sum(len(trial.folds) for trial in self.study.trials if trial.same_as is None)

    def run(self, base: Settings) -> int:
        """Search; the number of the signal that ended it, or 0."""
        definition, study = self.study.definition, self.study
        slots = slots_of(os.environ, definition.budget.parallel_trials)
        pool = Pool(slots, self._opening)
        with Ending(definition.budget.seconds, study.seconds) as ending:
            try:
                rungs = Rungs(study, pool, base, ending, self._state.send, self._say)
                rungs.run()
                if self._last is not None and not ending.signal:
                    self._hold_out(rungs, self._last)
            finally:
                pool.close()
                self.seconds = ending.seconds
                study.note_seconds(ending.seconds)
                self._state.send()
            self.ended = ending.reason or "all trials have ended"
            self.facts = {
                "optuna": version("optuna"),
                "ended": self.ended,
                "processes": [slot.name for slot in slots],
            }
            self._say(f"{self.ended}: {len(study.trials)} trials, {self.fold_fits} folds fitted")
            return ending.signal

    def _hold_out(self, rungs: Rungs, fold: int) -> None:
        """Score the winner on the fold that had no part in choosing it, trained for as long as on the others."""
        best = choice.usable(self.study.records(), self.study.definition)[0]
        epochs = round(median(best.kept_epochs.values()))
        result = rungs.train_alone(best.parameters, fold, epochs)
        if result is None:
            return
        if result.failure:
            got = f"{result.failure}: {result.message}"
            raise TrainingError(f"the winner, trial {best.number}, on fold {fold}", expected="a score", got=got)
        self.held_out = {"fold": fold, "value": result.value, "epochs": epochs}


def _identity(opening: Mapping[str, Any], origin: Mapping[str, str], search: Definition) -> str:
    """Digest of everything that a search depends on."""
    settings = {name: value for name, value in opening.items() if name not in origin}
    content = {"form": FORM, "optuna": version("optuna"), **settings, "origin": origin, "search": search.to_json()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
