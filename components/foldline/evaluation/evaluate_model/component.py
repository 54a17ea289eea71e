"""The KFP component `evaluate_model`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def evaluate_model(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    model: Input[Model],
    predictions: Output[Artifact],
    metrics: Output[Metrics],
    classification: Output[ClassificationMetrics],
    report: Output[HTML],
):
    """Score the test rows once, with the exported model itself.

    Args:
        dataset: The table that the test rows are taken from.
        folds: Which rows are held out.
        model: The exported model.
        predictions: Label and prediction of each test row.
        metrics: Metrics of the test rows, named as in training with the prefix `test_`.
        classification: ROC curve (binary) and confusion matrix.
        report: The same as a page, with plots.
    """
    from foldline.evaluation.evaluate_model.run import run

    run(dataset=dataset.path, folds=folds.path, model=model.path, predictions=predictions.path, report=report.path,
        log_metric=metrics.log_metric, log_roc_curve=classification.log_roc_curve,
        log_confusion_matrix=classification.log_confusion_matrix, describe=predictions.metadata.update)  # fmt: skip
