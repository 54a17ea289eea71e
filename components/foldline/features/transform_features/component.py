"""The signature of transform_features."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def transform_features(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Output[Artifact],
    report: Output[HTML],
    specification: dict = {},
    exclude_columns: list = [],
):
    """Fit a transform for each fold, on its training folds only, and one for all training rows.

    Args:
        dataset: the rows.
        folds: their folds; test rows enter nothing.
        transform: a TensorFlow graph for each fold and one for all training rows, raw columns in, dense features out.
        report: what each column became, and how the transforms differ between folds.
        specification: what each column becomes; empty to infer it from the training rows. The report and the artifact
            hold it as a document to edit and pass back.
        exclude_columns: names of columns that are no features.
    """
    from foldline.features.transform_features.run import run

    run(
        dataset.path,
        folds.path,
        transform.path,
        report.path,
        specification=specification,
        exclude_columns=exclude_columns,
        describe=transform.metadata.update,
    )
