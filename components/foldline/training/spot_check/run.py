"""Files of `spot_check`: artifacts in; table and report out."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from foldline.disk import room_for
from foldline.errors import ArgumentError
from foldline.training.backend import use_backend


@room_for("the outputs")
def run(
    *,
    dataset: str,
    folds: str,
    transform: str,
    table: str,
    report: str,
    families: Sequence[str],
    rows_per_fit: int,
    time_budget_s: int,
    seed: int,
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Try the families on the folds of a dataset, and write what came of it.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: an input is torn, or they do not belong together.
        TrainingError: a fold lacks a class, or no setting could be fitted.
    """
    for name, value, least in (
        ("rows_per_fit", rows_per_fit, 50),
        ("time_budget_s", time_budget_s, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise ArgumentError(name, expected=f"at least {least}", got=str(value))
    use_backend("jax")
    from foldline.evaluation.metrics import primary_metric
    from foldline.features.apply import AppliedTransform
    from foldline.training.processors import available_processors
    from foldline.training.rows import TrainingTable
    from foldline.training.spot_check.families import chosen
    from foldline.training.spot_check.findings import decision
    from foldline.training.spot_check.page import spot_check_page
    from foldline.training.spot_check.problem import Problem
    from foldline.training.spot_check.trial import try_families
    from foldline.training.spot_check.verdict import judge

    given = TrainingTable.read(Path(dataset), Path(folds), Path(transform))
    task, numbers = given.folds.task, given.assignment.predicted_folds
    tried = chosen(families, task.kind)
    if len(numbers) < 2:
        raise ArgumentError("folds", expected="at least 2 that are predicted", got=str(len(numbers)))
    with tempfile.TemporaryDirectory(prefix="spot-check-") as shared:
        rows, scales = given.of_folds(lambda folder: AppliedTransform.load(folder).apply)
        problem = Problem(
            folder=Path(shared),
            task=task,
            layout=given.transform.layout,
            folds=numbers,
            scales=tuple((scale.mean, scale.sd) for scale in scales),
            rows_per_fit=rows_per_fit,
            seed=seed,
        )
        problem.store(rows.features, rows.label, rows.training, rows.validation)
        ratios = [len(own) / len(seen) for own, seen in zip(rows.validation, rows.training, strict=True)]
        del rows
        processors = available_processors()
        settings = sum(len(family.settings) for family in tried)
        print(
            f"{settings} settings of {len(tried)} families, {len(numbers)} folds, {processors} processors", flush=True
        )
        trials = try_families(
            tried, problem, budget_s=time_budget_s, processors=processors, say=partial(print, flush=True)
        )
    metric = primary_metric(task)
    verdict = judge(trials, metric, sum(ratios) / len(ratios), [given.assignment.repeat_of(fold) for fold in numbers])
    policy = {
        "families": [family.name for family in tried],
        "rows_per_fit": rows_per_fit,
        "time_budget_s": time_budget_s,
        "seed": seed,
        **given.origin,
    }
    found = decision(verdict, trials, tried, policy)
    found.write(Path(table))
    print(found.reasons[0], flush=True)
    for row in verdict.families:
        log_metric(f"{row.trial.family}_{metric.name}", row.interval.value)
        log_metric(f"{row.trial.family}_{metric.name}_standard_error", row.standard_error)
    log_metric("chosen_elsewhere", verdict.chosen_elsewhere)
    describe({"verdict": found.verdict, "metric": metric.name, metric.name: verdict.best.interval.value})
    spot_check_page(
        verdict,
        trials,
        tried,
        subtitle=f"{given.folds.label} ({task.kind}), {len(numbers)} folds, {len(given.row_id)} training rows",
        rows_per_fit=rows_per_fit,
        budget_s=time_budget_s,
    ).write(Path(report))
