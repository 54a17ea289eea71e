"""A search fold by fold: all live trials of a cohort on the next fold, then those that are behind are stopped."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from foldline.errors import TrainingError
from foldline.training.search.fold_result import FoldResult
from foldline.training.search.settings import Settings
from foldline.training.search.stopping import goes_on
from foldline.training.search.trial import COMPLETED, FAILED, STOPPED, TIME_OUT
from foldline.training.tune_hyperparameters.ending import Ending
from foldline.training.tune_hyperparameters.pool import Pool, Reply, Request
from foldline.training.tune_hyperparameters.study import Study
from foldline.training.tune_hyperparameters.trial import Trial

# Of fewer trials no share is judged.
LEAST_JUDGED = 4
# Within a rung, whose programs may take hours.
KEEP_EVERY_S = 10.0


class Rungs:
    """The course of a search.

    Args:
        base: the settings of what is not searched.
        kept: called where the journal has grown, with the seconds that may pass without it being brought to where it is
            kept.
        say: takes a line for each rung.
    """

    def __init__(
        self,
        study: Study,
        pool: Pool,
        base: Settings,
        ending: Ending,
        kept: Callable[[float], None],
        say: Callable[[str], None],
    ) -> None:
        self._study, self._pool, self._base, self._ending = study, pool, base, ending
        self._kept, self._say = kept, say
        self._definition = study.definition
        self.fold_fits = 0
        self._fitted_before = sum(len(trial.folds) for trial in study.trials if trial.same_as is None)
        self._began = time.monotonic()

    def run(self) -> None:
        """Try points until the budget is spent, the goal is reached, or the search is interrupted.

        Raises:
            TrainingError: more trials failed than the definition allows.
        """
        while not self._ending.reason:
            cohort = self._cohort()
            if not cohort:
                return
            self._race(cohort)

    def train_alone(self, point: Mapping[str, Any], fold: int, epochs: int) -> FoldResult | None:
        """A point on a fold for a number of epochs; None where the search was ended meanwhile."""
        settings = Settings.of(self._base, point)
        request = self._training([settings], fold, epochs, None)
        for reply in self._pool.replies([request], lambda: bool(self._ending.signal)):
            if reply.lost:
                return FoldResult.failed(reply.lost, reply.message, reply.seconds)
            return FoldResult.from_json(reply.content["results"][0])
        return None

    def _cohort(self) -> list[Trial]:
        """The live trials, and as many new ones as belong beside them."""
        live = [trial for trial in self._study.trials if trial.live]
        size = self._definition.budget.parallel_trials
        while len(self._study.trials) < self._definition.trials and not (
            len(live) and len(self._study.trials) % size == 0
        ):
            trial = self._study.ask()
            if trial is None:
                break
            live.append(trial)
        return live

    def _race(self, cohort: Sequence[Trial]) -> None:
        own = [trial for trial in cohort if trial.same_as is None]
        for trial in own:
            # It failed, and the process ended before that was written.
            for fold, result in trial.folds.items():
                if result.failure and trial.live:
                    self._fail(trial, fold, result)
        groups = self._groups(own)
        for place, fold in enumerate(self._study.folds, start=1):
            if self._ending.reason:
                return
            live = {trial.number for trial in own if trial.live and len(trial.folds) == place - 1}
            self._train([[trial for trial in group if trial.number in live] for group in groups], fold)
            if self._ending.reason:
                return
            # Where one has gone further, all were judged before the process ended.
            if all(len(trial.folds) <= place for trial in own):
                self._judge([trial for trial in own if trial.live and len(trial.folds) == place], place)
            self._study.note_seconds(self._ending.seconds)
            self._kept(0.0)
            if live:
                self._report(cohort, place)
        for trial in cohort:
            if trial.same_as is not None and trial.live:
                self._answer_again(trial)
        self._check_failures()
        if any(self._reached(trial) for trial in cohort):
            self._ending.end("the goal is reached")

    def _groups(self, trials: Sequence[Trial]) -> list[list[Trial]]:
        """Trials that one program can train."""
        live = [trial for trial in trials if trial.live]
        if len(live) < 2:
            return [[trial] for trial in live]
        points = [Settings.of(self._base, trial.point).to_json() for trial in live]
        # A model that hangs while it is built does so here already.
        request = Request({"do": "together", "points": points}, self._definition.budget.trial_s or None)
        for reply in self._pool.replies([request], lambda: bool(self._ending.reason)):
            if not reply.lost:
                return [[live[index] for index in group] for group in reply.content["groups"]]
        return [[trial] for trial in live]

    def _train(self, groups: Sequence[Sequence[Trial]], fold: int) -> None:
        """Train the trials on a fold, each group as one program; those of a lost process once more, each alone."""
        waiting = shared_out([group for group in groups if group], self._pool.places)
        while waiting and not self._ending.reason:
            requests = [self._request(group, fold) for group in waiting]
            alone: list[Sequence[Trial]] = []
            for reply in self._pool.replies(requests, lambda: bool(self._ending.reason)):
                group = waiting[reply.number]
                if reply.lost and reply.lost != TIME_OUT and len(group) > 1:
                    alone += [[trial] for trial in group]
                    continue
                self._note(group, fold, reply)
            waiting = alone

    def _request(self, group: Sequence[Trial], fold: int) -> Request:
        points = [Settings.of(self._base, trial.point) for trial in group]
        allowed = self._definition.budget.trial_s
        spent = sum(result.seconds for trial in group for result in trial.folds.values())
        limit = max(allowed * len(group) - spent, 0.0) if allowed else None
        return self._training(points, fold, None, limit)

    def _training(self, points: Sequence[Settings], fold: int, epochs: int | None, limit: float | None) -> Request:
        content = {"do": "train", "points": [point.to_json() for point in points], "fold": fold, "epochs": epochs}
        return Request(content, limit)

    def _note(self, group: Sequence[Trial], fold: int, reply: Reply) -> None:
        for index, trial in enumerate(group):
            if reply.lost:
                result = FoldResult.failed(reply.lost, reply.message, reply.seconds / len(group))
            else:
                result = FoldResult.from_json(reply.content["results"][index])
            self._study.note(trial, fold, result, reply.where)
            self.fold_fits += 1
            if result.failure:
                self._fail(trial, fold, result)
        self._kept(KEEP_EVERY_S)

    def _fail(self, trial: Trial, fold: int, result: FoldResult) -> None:
        self._study.end(trial, FAILED, result.failure, f"fold {fold}: {result.message}")

    def _judge(self, trials: Sequence[Trial], place: int) -> None:
        """End the trials that have all folds, and those that the rule stops."""
        courses = {trial.number: self._study.course(trial) for trial in self._study.trials if trial.same_as is None}
        stopping, n_folds = self._definition.stopping, len(self._study.folds)
        for trial in trials:
            others = [course for number, course in courses.items() if number != trial.number]
            if place == n_folds:
                self._study.end(trial, COMPLETED)
            elif not goes_on(stopping.rule, courses[trial.number], others, n_folds=n_folds, eta=stopping.eta):
                self._study.end(trial, STOPPED)

    def _answer_again(self, trial: Trial) -> None:
        """End a trial as the one before it with the same point ended."""
        assert trial.same_as is not None
        before = self._study.trials[trial.same_as]
        for fold, result in before.folds.items():
            self._study.note(trial, fold, result, before.where)
        ended = before.ended
        if ended:
            self._study.end(trial, ended["state"], ended["failure"], ended["message"])

    def _reached(self, trial: Trial) -> bool:
        objective = self._definition.objective
        if trial.ended.get("state") != COMPLETED:
            return False
        violation, value = self._study.course(trial).ranks[-1]
        return violation == 0.0 and objective.reached(-objective.sign * value)

    def _check_failures(self) -> None:
        ended = [trial.ended for trial in self._study.trials if trial.ended]
        failed = [one for one in ended if one["state"] == FAILED]
        if len(ended) < LEAST_JUDGED or len(failed) <= self._definition.failures_allowed * len(ended):
            return
        kinds = ", ".join(f"{count} {name}" for name, count in Counter(one["failure"] for one in failed).most_common())
        raise TrainingError(
            "trials of the search",
            expected=f"at most {self._definition.failures_allowed:.0%} that fail",
            got=f"{len(failed)} of {len(ended)} ({kinds}); the last: {failed[-1]['message']}",
            fix="Narrow the space, or allow more by failures_allowed.",
        )

    def _report(self, cohort: Sequence[Trial], place: int) -> None:
        trials, folds = self._study.trials, self._study.folds
        live = sum(trial.live for trial in cohort)
        fitted = sum(len(trial.folds) for trial in trials if trial.same_as is None)
        whole = [trial for trial in trials if trial.ended.get("state") == COMPLETED]
        objective = self._definition.objective
        best = "no trial has all folds"
        if whole:
            first = min(whole, key=lambda trial: self._study.course(trial).ranks[-1])
            value = -objective.sign * self._study.course(first).ranks[-1][1]
            best = f"best {objective.metric} {value:.5g} (trial {first.number})"
        ended = sum(not trial.live for trial in trials)
        passed = time.monotonic() - self._began
        left = ""
        if self.fold_fits and ended:
            share = (self._fitted_before + self.fold_fits) / ended
            seconds = passed / self.fold_fits * max(share * self._definition.trials - fitted, 0.0)
            left = f", about {min(seconds, self._ending.left_s):.0f} s left"
        say = f"fold {place} of {len(folds)}, {live} of {len(cohort)} trials go on, {len(trials)} of "
        self._say(f"{say}{self._definition.trials} begun, {fitted} folds fitted, {best}{left}")


def shared_out(groups: Sequence[Sequence[Trial]], places: int) -> list[Sequence[Trial]]:
    """The groups, the largest of them in halves for as long as there are places without one."""
    found = list(groups)
    while found and len(found) < places:
        found.sort(key=len)
        largest = found.pop()
        if len(largest) < 2:
            return [*found, largest]
        half = (len(largest) + 1) // 2
        found += [largest[:half], largest[half:]]
    return found
