"""The KFP component `train_model`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def train_model(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Input[Artifact],
    training: Input[Artifact],
    predictions: Input[Artifact],
    trained_model: Output[Model],
    report: Output[HTML],
    model_code: str = "",
    checkpoint_uri: str = "",
):
    """Train the model on all training rows, export it with its transform inside, and check the export.

    Args:
        dataset: The table.
        folds: Which rows are held out; all others are trained on.
        transform: The transform of all training rows.
        training: What train_folds found: model, hyperparameters, epochs, batch size, learning rate and seed.
        predictions: The out-of-fold predictions of train_folds, which travel with a sample of the rows.
        trained_model: A SavedModel that takes raw columns, model.json, and a sample of the rows for later comparison.
        report: What was trained, and the parity check.
        model_code: The same source text that train_folds had; empty where it had none.
        checkpoint_uri: Folder or bucket for checkpoints, from which a killed task goes on; none when empty.
    """
    from foldline.training.train_model.run import run

    run(dataset.path, folds.path, transform.path, training.path, predictions.path, trained_model.path, report.path,
        model_code, checkpoint_uri, trained_model.metadata.update)  # fmt: skip
