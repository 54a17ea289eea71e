"""The KFP component `tune_on_katib`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output, OutputPath, component

from foldline._image import TRAINER


@component(base_image=TRAINER, install_kfp_package=False)
def tune_on_katib(dataset: Input[Dataset], folds: Input[Artifact], transform: Input[Artifact],
    search: Output[Artifact], metrics: Output[Metrics], report: Output[HTML], tuned: OutputPath(dict), state_uri: str,
    definition: dict = {}, model: str = "", model_code: str = "", hyperparameters: dict = {}, epochs: int = 50,
    batch_size: int = 0, learning_rate: float = 0.001, patience: int = 5, seed: int = 0, fitting: dict = {},
    katib: dict = {}, accelerator_type: str = "nvidia.com/gpu", accelerator_count: str = "0",
    node_selector: dict = {}, tolerations: list = []):  # fmt: skip
    """Search for the settings of a training with an Experiment of Katib: each trial is a Job that trains its folds.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        search: All trials, the best, the simplest within a standard error, and an honest estimate.
        metrics: Best score, its estimate, trials and fold-fits.
        report: The same as a page, with plots.
        tuned: Settings of the best trial, for train_folds.
        state_uri: Bucket where trials find their inputs and leave their results.
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
        katib: Of the Experiment: namespace, image, service_account, on_termination; each has a default.
        accelerator_type: Resource name of the accelerator of a trial.
        accelerator_count: Accelerators of each trial; a whole number, written as text.
        node_selector: Node labels that trials need.
        tolerations: Tolerations of trials."""
    from foldline.training.tune_on_katib.run import run

    run(dataset.path, folds.path, transform.path, search.path, report.path, tuned, state_uri, definition, model,
        model_code, hyperparameters, epochs, batch_size, learning_rate, patience, seed, fitting, katib,
        accelerator_type, accelerator_count, node_selector, tolerations, metrics.log_metric,
        search.metadata.update)  # fmt: skip
