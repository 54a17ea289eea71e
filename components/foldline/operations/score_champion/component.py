"""The KFP component `score_champion`."""

from kfp.dsl import Dataset, Input, Metrics, Output, component

from foldline._image import TRAINER


@component(base_image=TRAINER, install_kfp_package=False)
def score_champion(
    dataset: Input[Dataset], reference: Output[Dataset], scored: Output[Dataset], metrics: Output[Metrics],
    store_uri: str, model_name: str, model_version: str,
):  # fmt: skip
    """Let a model of the store predict new rows, and bring the rows that it came from beside them.

    Args:
        dataset: New rows; their labels may be missing.
        reference: Rows of the model's own table with their out-of-fold predictions.
        scored: The new rows, in the columns of the reference, with the model's predictions.
        metrics: Rows, rows with a label, and the model's score of those.
        store_uri: Folder or bucket (s3://bucket/prefix) of the model store.
        model_name: Name of the model in the store.
        model_version: Its version.
    """
    from foldline.operations.score_champion.run import run

    run(dataset.path, reference.path, scored.path, store_uri=store_uri, model_name=model_name,
        model_version=model_version, log_metric=metrics.log_metric, describe_reference=reference.metadata.update,
        describe_scored=scored.metadata.update)  # fmt: skip
