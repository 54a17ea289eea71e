"""The trials of a search: proposed by a sampler, kept in Optuna's journal, and known here by their folds."""

import math
import warnings
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState

from foldline.training.search.choice import beside, rank
from foldline.training.search.conduct import GRID, HYPERBAND
from foldline.training.search.definition import Definition
from foldline.training.search.distributions import distributions, given
from foldline.training.search.fold_result import FoldResult
from foldline.training.search.stopping import Course, brackets
from foldline.training.search.trial import COMPLETED, FAILED, STOPPED, TrialRecord
from foldline.training.tune_hyperparameters.journal import State
from foldline.training.tune_hyperparameters.samplers import proposed, sampler_of, suggested
from foldline.training.tune_hyperparameters.trial import Trial, first_folds, now

NAME = "search"
# Attributes of Optuna's trials and of the study.
POINT, FOLD, ENDED, PREPARED, SECONDS, BROKEN = "point", "fold:", "ended", "prepared", "seconds", "broken"
STATES = {COMPLETED: TrialState.COMPLETE, STOPPED: TrialState.PRUNED, FAILED: TrialState.FAIL}


class Study:
    """The trials of one search.

    Args:
        folds: numbers of the folds that choose, in the order in which every trial has them.
        earlier: points and values of trials of another search, which the sampler begins with.
    """

    def __init__(
        self,
        state: State,
        definition: Definition,
        folds: Sequence[int],
        earlier: Sequence[tuple[Mapping[str, Any], Sequence[float]]] = (),
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self.definition, self.folds = definition, tuple(folds)
        objectives = (definition.objective, *definition.further_objectives)
        self._storage = JournalStorage(JournalFileBackend(str(state.journal), lock_obj=state.lock()))
        self._study = optuna.create_study(
            storage=self._storage, study_name=NAME, load_if_exists=True,
            directions=[StudyDirection[one.direction.upper()] for one in objectives],
            sampler=optuna.samplers.RandomSampler(seed=0),
        )  # fmt: skip
        self._earlier = len(earlier)
        self._prepare(earlier)
        self.trials: list[Trial] = []
        self._courses: dict[int, Course] = {}
        for kept in self._study.get_trials(deepcopy=False)[self._earlier :]:
            if kept.state == TrialState.WAITING:
                continue
            if POINT not in kept.user_attrs:
                # It was being proposed when the process ended.
                number = kept.number - self._earlier
                self._begin(self._trial(number, sampler_of(definition, number)))
                continue
            self._take(kept.number - self._earlier, kept.user_attrs)

    @property
    def seconds(self) -> float:
        """Seconds that the search has taken in processes before this one."""
        return float(self._study.user_attrs.get(SECONDS, 0.0))

    def note_seconds(self, seconds: float) -> None:
        """Keep how long the search has taken so far."""
        self._study.set_user_attr(SECONDS, seconds)

    def ask(self) -> Trial | None:
        """Begin the next trial; None where the algorithm has no further point."""
        number = len(self.trials)
        # What is tried first waits in the journal.
        if not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            point = proposed(self.definition, number, self._ended(), {trial.text for trial in self.trials})
            if point is not None:
                self._study.enqueue_trial(given(point, self.definition.space))
            elif self.definition.algorithm.name == GRID:
                return None
        self._study.sampler = sampler_of(self.definition, number)
        return self._begin(self._study.ask())

    def note(self, trial: Trial, fold: int, result: FoldResult, where: str) -> None:
        """Keep what a fold gave."""
        self._storage.set_trial_user_attr(
            self._id(trial.number), f"{FOLD}{fold}", {"result": result.to_json(), "where": where}
        )
        trial.folds[fold], trial.where = result, where

    def end(self, trial: Trial, state: str, failure: str = "", message: str = "") -> None:
        """End a trial, so that the sampler learns from it."""
        ended = {"state": state, "at": now(), "failure": failure, "message": message, "same_as": trial.same_as}
        self._storage.set_trial_user_attr(self._id(trial.number), ENDED, ended)
        trial.ended = ended
        self._tell(trial)

    def records(self) -> list[TrialRecord]:
        return [trial.record(self.definition) for trial in self.trials]

    def course(self, trial: Trial) -> Course:
        """What the rules between folds know of a trial."""
        if trial.number in self._courses:
            return self._courses[trial.number]
        record, ranks = trial.record(self.definition), []
        done = [fold for fold in self.folds if fold in record.fold_values]
        for count in range(1, len(done) + 1):
            ranks.append(rank(first_folds(record, done[:count]), self.definition))
        worst = max(
            (-self.definition.objective.sign * value for value in record.fold_values.values()), default=math.inf
        )
        course = Course(tuple(ranks), worst, self._bracket(trial), trial.number)
        if trial.ended:
            self._courses[trial.number] = course
        return course

    def cohort_of(self, trial: Trial) -> int:
        """Number of the cohort: trials that are proposed together and trained beside each other."""
        return trial.number // self.definition.budget.parallel_trials

    def _bracket(self, trial: Trial) -> int:
        if self.definition.algorithm.name != HYPERBAND:
            return 0
        return self.cohort_of(trial) % brackets(len(self.folds), self.definition.stopping.eta)

    def _ended(self) -> list[tuple[dict[str, Any], float]]:
        """Points and values of the trials that have ended; lower is better, infinite for one that failed.

        Trials that were stopped are compared with the best on the folds that both have.
        """
        ended = [trial for trial in self.trials if not trial.live]
        scored = [trial for trial in ended if trial.ended["state"] != FAILED]
        if not scored:
            return [(trial.point, math.inf) for trial in ended]
        best = min(scored, key=lambda trial: (-len(trial.folds), self.course(trial).ranks[-1]))
        sign, first = -self.definition.objective.sign, best.record(self.definition)
        values = {
            trial.number: sign * beside(trial.record(self.definition), first, self.definition) for trial in scored
        }
        return [(trial.point, values.get(trial.number, math.inf)) for trial in ended]

    def _values(self, trial: Trial) -> list[float]:
        record = trial.record(self.definition)
        further = [record.other_values[one.metric] for one in self.definition.further_objectives]
        return [record.value(self.definition), *(fmean(values.values()) for values in further)]

    def _tell(self, trial: Trial) -> None:
        state = STATES[trial.ended["state"]]
        kept = self._trial(trial.number, optuna.samplers.RandomSampler(seed=0))
        if state != TrialState.FAIL and self.definition.constraints and BROKEN not in kept.constraints:
            kept.set_constraint(BROKEN, self.course(trial).ranks[-1][0])
        if state == TrialState.PRUNED:
            kept.report(self._values(trial)[0], len(trial.folds))
        values = self._values(trial) if state == TrialState.COMPLETE else None
        self._study.tell(kept, values=values, state=state)

    def _begin(self, asked: optuna.Trial) -> Trial:
        point = suggested(asked, self.definition.space)
        began = now()
        asked.set_user_attr(POINT, {"point": point, "began": began})
        return self._kept(Trial(asked.number - self._earlier, point, began))

    def _kept(self, trial: Trial) -> Trial:
        same = next((one.number for one in self.trials if one.text == trial.text), None)
        trial.same_as = same
        self.trials.append(trial)
        return trial

    def _take(self, number: int, attributes: Mapping[str, Any]) -> None:
        point = self.definition.space.point(attributes[POINT]["point"], f"trial {number}", whole=True)
        trial = self._kept(Trial(number, point, attributes[POINT]["began"]))
        for fold in self.folds:
            told = attributes.get(f"{FOLD}{fold}")
            if told:
                trial.folds[fold], trial.where = FoldResult.from_json(told["result"]), told["where"]
        if ENDED in attributes:
            trial.ended = attributes[ENDED]
            if not self._study.trials[number + self._earlier].state.is_finished():
                self._tell(trial)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number + self._earlier)

    def _trial(self, number: int, sampler: optuna.samplers.BaseSampler) -> optuna.Trial:
        """A trial that has been begun, as Optuna has it; what of its point is open comes from `sampler`."""
        self._study.sampler = sampler
        return optuna.Trial(self._study, self._id(number))

    def _prepare(self, earlier: Sequence[tuple[Mapping[str, Any], Sequence[float]]]) -> None:
        """Put earlier trials and what is tried first into the journal, from where that was interrupted."""
        if self._study.user_attrs.get(PREPARED):
            return
        space = self.definition.space
        there = len(self._study.get_trials(deepcopy=False))
        for point, values in earlier[there:]:
            self._study.add_trial(
                optuna.trial.create_trial(
                    params=given(point, space), distributions=distributions(point, space), values=list(values)
                )
            )
        for point in self.definition.try_first[max(0, there - len(earlier)) :]:
            self._study.enqueue_trial(given(point, space))
        self._study.set_user_attr(PREPARED, True)
