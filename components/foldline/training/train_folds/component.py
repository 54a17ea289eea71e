"""The KFP component `train_folds`."""

from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Output, component

from foldline._image import TRAINER


@component(base_image=TRAINER, install_kfp_package=False)
def train_folds(dataset: Input[Dataset], folds: Input[Artifact], transform: Input[Artifact],
    predictions: Output[Artifact], training: Output[Artifact], metrics: Output[Metrics],
    classification: Output[ClassificationMetrics], report: Output[HTML], model: str = "", model_code: str = "",
    hyperparameters: dict = {}, epochs: int = 50, batch_size: int = 0, learning_rate: float = 0.001,
    patience: int = 5, seed: int = 0, fitting: dict = {}, mode: str = "auto", checkpoint_uri: str = "",
    tuned: dict = {}):  # fmt: skip
    """Train a model for each fold, all folds at once, and predict every row by the model that never saw it.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        predictions: Out-of-fold predictions.
        training: Metrics of the folds, learning curves and what the final model is to be trained with.
        metrics: Mean over folds of each metric, and its standard error.
        classification: ROC curve (binary) and confusion matrix of the out-of-fold predictions.
        report: The same as a page, with plots.
        model: module:function in the image, or the function's name in model_code; empty for the default perceptron.
        model_code: Source text of a module with build_model(inputs, **hyperparameters) -> keras.Model.
        hyperparameters: Arguments of that function.
        epochs: Most epochs.
        batch_size: Rows a step; 0 takes the power of two nearest to 1/50 of the smallest fold's rows, 16 to 1024.
        learning_rate: Of the optimizer.
        patience: Epochs without a lower mean validation loss before all folds stop.
        seed: Of initial weights, dropout and the order of rows.
        fitting: Optimizer, schedule, loss, class_weight, weight_column, precision, stopping and more; see the README.
        mode: auto, stacked (all folds in one program), sequential (one by one), or how many at a time; same result.
        checkpoint_uri: Folder or bucket for checkpoints, from which a killed task goes on; none when empty.
        tuned: What a search found; it stands over all parameters from hyperparameters to patience, and over fitting."""
    from foldline.training.train_folds.run import run

    run(dataset.path, folds.path, transform.path, predictions.path, training.path, report.path, model, model_code,
        hyperparameters, epochs, batch_size, learning_rate, patience, seed, fitting, mode, checkpoint_uri, tuned,
        metrics, classification, predictions.metadata.update, training.metadata.update)  # fmt: skip
