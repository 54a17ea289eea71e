"""The KFP component `diagnose_training`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def diagnose_training(dataset: Input[Dataset], folds: Input[Artifact], transform: Input[Artifact],
    diagnosis: Output[Artifact], metrics: Output[Metrics], report: Output[HTML], model: str = "", model_code: str = "",
    hyperparameters: dict = {}, epochs: int = 20, batch_size: int = 0, learning_rate: float = 0.001,
    patience: int = 3, seed: int = 0, fitting: dict = {}):  # fmt: skip
    """Say whether a model lacks rows, has too much or too little freedom, and which size of batches suits it.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        diagnosis: Verdict, reasons in words and every figure.
        metrics: Errors on seen and unseen rows, the gain of twice the rows, the recommended batch size.
        report: The same as a page, with plots.
        model: module:function in the image, or the function's name in model_code; empty for the default perceptron.
        model_code: Source text of a module with build_model(inputs, **hyperparameters) -> keras.Model.
        hyperparameters: Arguments of that function.
        epochs: Most epochs.
        batch_size: Rows a step, around which others are tried; 0 chooses as train_folds does.
        learning_rate: Step size.
        patience: Epochs without a lower mean validation loss before all folds stop.
        seed: Of subsets, initial weights, dropout and the order of rows.
        fitting: More settings of the training, as train_folds takes them.
    """
    from foldline.training.diagnose_training.run import run

    run(dataset=dataset.path, folds=folds.path, transform=transform.path, diagnosis=diagnosis.path,
        report=report.path, model=model, model_code=model_code, hyperparameters=hyperparameters, epochs=epochs,
        batch_size=batch_size, learning_rate=learning_rate, patience=patience, seed=seed, fitting=fitting,
        log_metric=metrics.log_metric, describe=diagnosis.metadata.update)  # fmt: skip
