"""Files of `collect_folds`: trainings of folds in; predictions, training and report out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foldline.artifacts.fold_training import FoldTraining
from foldline.disk import room_for
from foldline.errors import ArgumentError, ArtifactError
from foldline.training.backend import use_backend

if TYPE_CHECKING:
    from foldline.training.train_folds.results import ClassificationLog, ScalarLog


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    fold_training_paths: Sequence[str],
    predictions_path: str,
    training_path: str,
    report_path: str,
    patience: int,
    metrics: "ScalarLog",
    classification: "ClassificationLog",
    describe_predictions: Callable[[dict[str, Any]], None],
    describe_training: Callable[[dict[str, Any]], None],
) -> None:
    """Join the folds and write what `train_folds` would have written.

    Raises:
        ArgumentError: the patience is less than 1.
        ArtifactError: an input is torn, a fold is missing, or they do not belong together.
        TrainingError: a fold cannot be scored; names it.
    """
    if patience < 1:
        raise ArgumentError("patience", expected="at least 1", got=str(patience))
    use_backend("jax")

    from foldline.training.collect_folds.joined import in_order, join
    from foldline.training.rows import TrainingTable, scale_of
    from foldline.training.train_folds.results import Outputs, write_results

    trainings = [FoldTraining.read(Path(path)) for path in fold_training_paths]
    weight_column = trainings[0].determined_by["fitting"]["weight_column"] if trainings else ""
    table = TrainingTable.read(Path(dataset_path), Path(folds_path), Path(transform_path), weight_column)
    assignment = table.assignment
    ordered = in_order(trainings, assignment.predicted_folds)
    determined = ordered[0].determined_by
    if determined["origin"] != table.origin:
        raise ArtifactError("field origin of fold_trainings", expected=f"{table.origin}", got=f"{determined['origin']}")
    joined = join(ordered, patience)
    scales = [
        scale_of(table.folds.task, table.label[assignment.training_rows(fold)], fold)
        for fold in assignment.predicted_folds
    ]
    facts = {**ordered[0].facts, "mode": "parallel", "reasons": "one task for each fold was asked for"}
    facts["seconds"] = round(sum(training.facts["seconds"] for training in ordered), 2)
    epochs = round(float(np.median(joined.kept)))
    outputs = Outputs(
        Path(predictions_path), Path(training_path), Path(report_path), metrics, classification, describe_predictions,
        describe_training,
    )  # fmt: skip
    print(f"{len(ordered)} folds, {sum(len(one.training_loss) for one in ordered)} epochs in all; {epochs} are kept")
    write_results(table, scales, determined, joined.predictions, joined.kept, epochs, [], joined.curves, facts, outputs)
