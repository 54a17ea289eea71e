"""The KFP component `train_fold`."""

from kfp.dsl import Artifact, Dataset, Input, Output, component

from foldline._image import TRAINER


@component(base_image=TRAINER, install_kfp_package=False)
def train_fold(dataset: Input[Dataset], folds: Input[Artifact], transform: Input[Artifact],
    fold_training: Output[Artifact], fold: int, model: str = "", model_code: str = "", hyperparameters: dict = {},
    epochs: int = 50, batch_size: int = 0, learning_rate: float = 0.001, patience: int = 5, seed: int = 0,
    fitting: dict = {}, checkpoint_uri: str = ""):  # fmt: skip
    """Train the model of one fold, for collect_folds.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        fold_training: Losses and predictions of the fold's rows after every epoch.
        fold: Number of the fold.
        model: module:function in the image, or the function's name in model_code; empty for the default perceptron.
        model_code: Source text of a module with build_model(inputs, **hyperparameters) -> keras.Model.
        hyperparameters: Arguments of that function.
        epochs: Most epochs.
        batch_size: Rows a step; 0 takes the power of two nearest to 1/50 of the smallest fold's rows, 16 to 1024.
        learning_rate: Of the optimizer.
        patience: What collect_folds is given; a fold by itself goes on for twice as many epochs without a lower loss.
        seed: Of initial weights, dropout and the order of rows.
        fitting: As of train_folds.
        checkpoint_uri: Folder or bucket for checkpoints, from which a killed task goes on; none when empty.
    """
    from foldline.training.train_fold.run import run

    run(dataset.path, folds.path, transform.path, fold_training.path, fold, model, model_code, hyperparameters, epochs,
        batch_size, learning_rate, patience, seed, fitting, checkpoint_uri, fold_training.metadata.update)  # fmt: skip
