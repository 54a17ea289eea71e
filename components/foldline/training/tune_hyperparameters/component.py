"""The KFP component `tune_hyperparameters`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output, OutputPath, component

from foldline._image import TRAINER


@component(base_image=TRAINER, install_kfp_package=False)
def tune_hyperparameters(dataset: Input[Dataset], folds: Input[Artifact], transform: Input[Artifact],
    search: Output[Artifact], metrics: Output[Metrics], report: Output[HTML], tuned: OutputPath(dict),
    definition: dict = {}, model: str = "", model_code: str = "", hyperparameters: dict = {}, epochs: int = 50,
    batch_size: int = 0, learning_rate: float = 0.001, patience: int = 5, seed: int = 0, fitting: dict = {},
    checkpoint_uri: str = ""):  # fmt: skip
    """Search for the settings of a training with Optuna: live trials and folds of equal shape train as one program.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        search: All trials, the best, the simplest within a standard error, and an honest estimate.
        metrics: Best score, its estimate, trials and fold-fits.
        report: The same as a page, with plots.
        tuned: Settings of the best trial, for train_folds.
        definition: Space, objective, algorithm, budget, stopping and more; see docs/search.md.
        model: module:function in the image, or the function's name in model_code; empty for the default perceptron.
        model_code: Source text of a module with build_model(inputs, **hyperparameters) -> keras.Model.
        hyperparameters: Arguments of that function that are not searched for.
        epochs: Most epochs, where not searched for; so are the next three.
        batch_size: Rows a step; 0 chooses as train_folds does.
        learning_rate: Of the optimizer.
        patience: Epochs without a lower validation loss before a trial's fold stops.
        seed: Of initial weights, dropout and the order of rows; that of the search stands in its definition.
        fitting: Optimizer, schedule, loss and more, as of train_folds.
        checkpoint_uri: Folder or bucket where the search is kept and from where it goes on; beside its output if empty.
    """
    from foldline.training.tune_hyperparameters.run import run

    run(dataset.path, folds.path, transform.path, search.path, report.path, tuned, definition, model, model_code,
        hyperparameters, epochs, batch_size, learning_rate, patience, seed, fitting, checkpoint_uri,
        metrics.log_metric, search.metadata.update)  # fmt: skip
