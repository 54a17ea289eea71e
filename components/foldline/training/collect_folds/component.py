"""The KFP component `collect_folds`."""

from typing import List

from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Output, component

from foldline._image import TRAINER


@component(base_image=TRAINER, install_kfp_package=False)
def collect_folds(
    dataset: Input[Dataset], folds: Input[Artifact], transform: Input[Artifact], fold_trainings: Input[List[Artifact]],
    predictions: Output[Artifact], training: Output[Artifact], metrics: Output[Metrics],
    classification: Output[ClassificationMetrics], report: Output[HTML], patience: int = 5,
):  # fmt: skip
    """Stop folds that were trained in tasks of their own where train_folds would have, and score them.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        fold_trainings: What train_fold gave for each fold, in any order.
        predictions: Out-of-fold predictions.
        training: Metrics of the folds, learning curves and what the final model is to be trained with.
        metrics: Mean over folds of each metric, and its standard error.
        classification: ROC curve (binary) and confusion matrix of the out-of-fold predictions.
        report: The same as a page, with plots.
        patience: Epochs without a lower mean validation loss before all folds stop.
    """
    from foldline.training.collect_folds.run import run

    run(dataset.path, folds.path, transform.path, [item.path for item in fold_trainings], predictions.path,
        training.path, report.path, patience, metrics, classification, predictions.metadata.update,
        training.metadata.update)  # fmt: skip
