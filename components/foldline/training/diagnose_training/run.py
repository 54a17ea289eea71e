"""Files of `diagnose_training`: artifacts in; diagnosis and report out."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from foldline.disk import room_for
from foldline.errors import ArgumentError
from foldline.training.backend import use_backend

SUBJECT = "training"


@room_for("the outputs")
def run(
    *,
    dataset: str,
    folds: str,
    transform: str,
    diagnosis: str,
    report: str,
    model: str,
    model_code: str,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: Mapping[str, Any],
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Diagnose the training of the folds of a dataset, and write what came of it.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: an input is torn, or they do not belong together.
        DataError: a fold has too few rows.
        ModelCodeError: the model code gives no usable model.
        TrainingError: a fold cannot be trained or scored; names it.
    """
    use_backend("jax", deterministic=fitting.get("deterministic") is True)

    from foldline.artifacts import Decision
    from foldline.evaluation.metrics import primary_metric
    from foldline.training.diagnose_training import diagnosis as rules
    from foldline.training.diagnose_training.batches import sweep
    from foldline.training.diagnose_training.figures import figures
    from foldline.training.diagnose_training.learning_curve import learning_curve
    from foldline.training.diagnose_training.page import diagnosis_page
    from foldline.training.diagnose_training.sizes import shares_of
    from foldline.training.fitting.mode import AUTO
    from foldline.training.preparation import Parameters, Preparation

    parameters = Parameters(
        model, model_code, hyperparameters, epochs, batch_size, learning_rate, patience, seed, fitting, AUTO, ""
    )
    parameters.check()
    prepared = Preparation.read(dataset, folds, transform, parameters)
    if len(prepared.folds) < 2:
        raise ArgumentError("folds", expected="at least 2 that are predicted", got=str(len(prepared.folds)))
    rows, say = prepared.rows, partial(print, flush=True)
    shares_of(min(len(own) for own in rows.training))
    ratio = sum(len(own) / len(seen) for own, seen in zip(rows.validation, rows.training, strict=True)) / len(
        prepared.folds
    )
    metric = primary_metric(prepared.task)
    say(f"{len(prepared.folds)} folds: batches of several sizes, then a learning curve over the training rows")
    tried = sweep(prepared, say)
    curve = learning_curve(prepared, epochs=tried[0].epochs, test_ratio=ratio, say=say)
    found = rules.diagnose(curve, tried, metric, ratio)
    policy = {"level": rules.LEVEL, "large_gap": rules.LARGE_GAP, "worth": rules.WORTH, **prepared.determined_by()}
    content = figures(found, curve, tried)
    Decision(SUBJECT, f"{found.fit}; {found.rows}", found.sentences, content, policy).write(Path(diagnosis))
    for sentence in found.sentences:
        say(sentence)
    for name in ("constant", "seen", "unseen"):
        log_metric(f"{name}_{curve.metric}", content[name])
    log_metric(f"{curve.metric}_gain_of_twice_the_rows", curve.doubling.gain)
    log_metric("recommended_batch_size", found.batches.size)
    describe({"fit": found.fit, "rows": found.rows, "recommended_batch_size": found.batches.size})
    subtitle = f"{prepared.table.folds.label} ({prepared.task.kind}), {len(prepared.folds)} folds"
    diagnosis_page(found, curve, tried, metric, ratio, subtitle).write(Path(report))
