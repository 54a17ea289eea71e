"""The KFP component `compare_models`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def compare_models(
    challenger: Input[Model], dataset: Input[Dataset], folds: Input[Artifact], predictions: Input[Artifact],
    decision: Output[Artifact], metrics: Output[Metrics], report: Output[HTML],
    store_uri: str, model_name: str, confidence: float = 0.95, minimum_gain: float = 0.0, minimum_rows: int = 20,
    trusted_uri: str = "",
):  # fmt: skip
    """Decide whether the challenger is better than the champion, on rows that neither was trained on.

    Args:
        challenger: The new model.
        dataset: The table that the compared rows are taken from.
        folds: Which rows are held out.
        predictions: The challenger's predictions of the test rows.
        decision: Verdict `promote` or `keep`, with reasons and figures.
        metrics: Both scores, the gain and its bounds.
        report: The same as a page.
        store_uri: Folder or bucket (s3://bucket/prefix) of the model store.
        model_name: Name of the model in the store.
        confidence: One-sided confidence with which the gain must exceed minimum_gain.
        minimum_gain: In ROC AUC (binary), log loss (multiclass) or squared error (regression).
        minimum_rows: Fewer rows are no comparison.
        trusted_uri: Table of rows with sure labels on which the challenger must not be worse; none when empty.
    """
    from foldline.evaluation.compare_models.run import run

    run(challenger=challenger.path, dataset=dataset.path, folds=folds.path, predictions=predictions.path,
        decision=decision.path, report=report.path, log_metric=metrics.log_metric, describe=decision.metadata.update,
        store_uri=store_uri, model_name=model_name, confidence=confidence, minimum_gain=minimum_gain,
        minimum_rows=minimum_rows, trusted_uri=trusted_uri)  # fmt: skip
