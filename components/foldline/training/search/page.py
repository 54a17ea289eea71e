"""The report of a search."""

from collections.abc import Mapping, Sequence
from typing import Any

from foldline.artifacts.search import Search
from foldline.report import Cell, Page, number
from foldline.training.search import fields
from foldline.training.search.choice import beside, rank
from foldline.training.search.conduct import WORST_FOLD
from foldline.training.search.definition import HOLD_OUT_FOLD, Definition
from foldline.training.search.figures import (
    convergence_figure,
    importance_figure,
    parallel_figure,
    slice_figures,
)
from foldline.training.search.importance import FEWEST_TRIALS
from foldline.training.search.objective import LOWER_BOUND, PARAMETERS
from foldline.training.search.trial import COMPLETED, FAILED, STATES, TrialRecord

# More folds than this have no columns of their own.
MOST_FOLDS = 10
MEASURES = {PARAMETERS: "weights of the model", "seconds": "seconds a fold"}
FAILURES = {
    "out_of_memory": "out of memory",
    "not_finite": "loss not finite",
    "time_out": "out of time",
    "bug": "error in the code",
}


APART = (
    "A trial without some folds is shown as far from the best as the two are apart on the folds that it has, since one "
    "fold may be harder than another."
)


def search_page(search: Search) -> Page:
    """A page with what was chosen, what its score is worth, how the search went, and all trials."""
    definition = Definition.parse(search.definition, search.task)
    trials = [TrialRecord.from_json(content) for content in search.trials]
    page = Page(
        "Search for hyperparameters",
        f"{search.label} ({search.task.kind}), {len(trials)} trials of {definition.algorithm.name} by {search.engine}, "
        f"{len(search.folds)} folds",
    )
    _show_chosen(page, search, definition)
    _show_worth(page, search)
    _show_work(page, search, definition)
    _show_plots(page, search, definition, trials)
    if search.front:
        _show_front(page, search, definition, trials)
    _show_failures(page, trials)
    _show_trials(page, search, definition, trials)
    page.heading("Searched with")
    page.figures({name: _text(value) for name, value in search.definition.items() if name != "space"})
    page.figures({name: _text(value) for name, value in {**search.engine_facts, **search.origin}.items()})
    return page


def _show_chosen(page: Page, search: Search, definition: Definition) -> None:
    best, simple = search.best, search.one_standard_error
    measure = MEASURES[simple["measure"]]
    objective = definition.objective
    page.heading("The best trial")
    over = "mean over folds less one standard error" if objective.over_folds == LOWER_BOUND else "mean over folds"
    page.text(f"The best of those with all folds by {objective.metric}, {over}. The pipeline goes on with it.")
    same = best["number"] == simple["number"]
    columns = [best] if same else [best, simple]
    rows: list[list[Cell]] = [
        ["trial", *(_text(one["number"]) for one in columns)],
        [objective.metric, *(_text(one["value"]) for one in columns)],
        [measure, _text(simple["size_of_best"]), *([] if same else [_text(simple["size"])])],
    ]
    rows += [[name, *(_text(one["parameters"].get(name, "")) for one in columns)] for name in definition.space.names]
    page.table(["", "best", *([] if same else ["simplest"])], rows)
    page.text(
        f"Scores within one standard error of the best ({number(simple['bound'])} or better) differ by no more than "
        f"the folds do among themselves. The simplest trial with such a score, the one with the fewest {measure}, is "
        + ("the best itself." if same else f"number {simple['number']}: for whoever wants a smaller model.")
    )


def _show_worth(page: Page, search: Search) -> None:
    estimate, metric = search.estimate, search.definition["objective"]["metric"]
    page.heading("What the score is worth")
    page.figures(
        {
            f"selection score ({metric}, mean over the folds it was chosen by)": estimate["selection_score"],
            "estimate for new rows": estimate["value"],
        }
    )
    completed = search.states().get(COMPLETED, 0)
    page.text(
        f"The best of {completed} trials is partly the luckiest, so its selection score promises too much: the more "
        "trials, the more."
    )
    if estimate["value"] is None:
        page.text("There is no estimate: it takes at least two folds, or a fold that was held out.", "warn")
    elif estimate["method"] == HOLD_OUT_FOLD:
        page.text(
            f"Fold {estimate['fold']} took no part in the search. The best trial, trained for {estimate['epochs']} "
            "epochs without a look at it, has this score there. A single fold says it roughly."
        )
    else:
        page.text(
            "The estimate chooses anew for each fold by the other folds alone, scores the choice on that fold, and "
            f"takes the mean. Its standard error is {number(estimate['standard_error'])}."
        )
        if len(estimate["by_fold"]) < len(search.folds):
            page.text(
                "Only folds that stopped no trial count for it: on the others those with bad luck are missing. So it "
                f"is honest but rough. Over all folds the same comes to {number(estimate['over_all_folds'])}, which is "
                "less rough and still promises too much."
            )
        rows: list[list[Cell]] = [[fold, one["trial"], one["value"]] for fold, one in estimate["by_fold"].items()]
        page.table(["fold", "trial that the others choose", metric], rows)


def _show_work(page: Page, search: Search, definition: Definition) -> None:
    page.heading("Work")
    share = search.fold_fits / search.exhaustive_fold_fits
    rule = definition.stopping.rule.replace("_", " ")
    states = search.states()
    fits = (
        f"{search.fold_fits} of {search.exhaustive_fold_fits} that all trials on all folds take ({100 * share:.0f} %)"
    )
    page.figures(
        {
            "trainings of one trial on one fold": fits,
            **{f"trials {state}": states[state] for state in STATES if state in states},
            "seconds": search.seconds,
        }
    )
    if not search.stopped_between_folds:
        page.text("Every trial was trained on all folds.")
    elif definition.stopping.rule == WORST_FOLD:
        page.text(f"Between its folds a trial was stopped when it was behind the best trial's worst fold ({rule}).")
    else:
        page.text(
            f"After each round of folds one of {definition.stopping.eta} trials went on, the best so far ({rule}); the "
            "winner has all folds."
        )


def _show_plots(page: Page, search: Search, definition: Definition, trials: Sequence[TrialRecord]) -> None:
    page.heading("How it went, and what mattered")
    values = search.importance["values"]
    plots = [convergence_figure(search.convergence, definition)]
    page.plots([*plots, importance_figure(values)] if values else plots)
    if values:
        folds = ", ".join(map(str, search.importance["folds"]))
        page.text(
            f"Importance ({search.importance['method']}): how differently the best trials' values of a parameter are "
            f"spread from those of all {search.importance['trials']} trials, as a share of the whole. Scores are those "
            f"of the folds that all of them have: {folds}."
        )
    else:
        page.text(f"Importance takes at least {FEWEST_TRIALS} trials with scores that differ.")
    best = _best(search, trials)
    scored = [trial for trial in trials if trial.fold_values and trial.state != FAILED]
    completed = [trial for trial in scored if trial.state == COMPLETED]
    page.heading("Score along each parameter")
    page.text(f"Filled: trials with all folds, the best in red. Hollow: trials without some. {APART}")
    page.plots(slice_figures(scored, definition, best))
    page.heading("Score across parameters")
    if definition.space.conditional:
        page.text("A line that passes an axis on its left is a trial without that parameter.")
    page.plot(parallel_figure(completed, definition, best))


def _show_front(page: Page, search: Search, definition: Definition, trials: Sequence[TrialRecord]) -> None:
    page.heading("No other is better in everything")
    metrics = [one.metric for one in definition.further_objectives]
    rows: list[list[Cell]] = [
        [trial.number, trial.value(definition), *(_mean(trial, metric) for metric in metrics), _parameters(trial)]
        for trial in trials
        if trial.number in search.front
    ]
    page.table(["trial", definition.objective.metric, *metrics, "parameters"], rows)
    page.text(f"The best trial above is the one of these that is best by {definition.objective.metric}.")


def _show_failures(page: Page, trials: Sequence[TrialRecord]) -> None:
    failed = [trial for trial in trials if trial.state == FAILED]
    if not failed:
        return
    page.heading("Failed trials")
    rows: list[list[Cell]] = []
    for failure, words in FAILURES.items():
        own = [trial for trial in failed if trial.failure == failure]
        if own:
            rows.append([words, len(own), ", ".join(str(trial.number) for trial in own), own[-1].message])
    page.table(["", "trials", "numbers", "the last one's message"], rows)


def _show_trials(page: Page, search: Search, definition: Definition, trials: Sequence[TrialRecord]) -> None:
    page.heading("All trials")
    page.text(APART)
    best = _best(search, trials)
    folds = search.folds if len(search.folds) <= MOST_FOLDS else []
    names = definition.space.names
    ordered = sorted(
        trials, key=lambda one: (STATES.index(one.state), -len(one.fold_values), *rank(one, definition), one.number)
    )
    rows: list[list[Cell]] = [
        [
            trial.number,
            FAILURES[trial.failure] if trial.failure else trial.state,
            beside(trial, best, definition) if trial.fold_values else None,
            *(trial.fold_values.get(fold) for fold in folds),
            trial.seconds,
            *(_cell(trial.parameters.get(name)) for name in names),
        ]
        for trial in ordered
    ]
    header = ["trial", "state", definition.objective.metric, *(f"fold {fold}" for fold in folds), "seconds", *names]
    page.table(header, rows)


def _best(search: Search, trials: Sequence[TrialRecord]) -> TrialRecord:
    return next(trial for trial in trials if trial.number == search.best["number"])


def _mean(trial: TrialRecord, metric: str) -> float:
    values = trial.other_values[metric].values()
    return sum(values) / len(values)


def _parameters(trial: TrialRecord) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in trial.parameters.items())


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, int | float | str) else fields.text_of(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping | list):
        return fields.text_of(value)
    return str(value)
