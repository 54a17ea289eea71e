"""From a raw table to out-of-fold scores, with a task for each fold."""

from kfp import dsl

from foldline_pipelines.fold_tasks import train_folds_in_parallel
from foldline_pipelines.stations import ingest_to_transforms


@dsl.pipeline(name="cross-validate-in-parallel")
def cross_validate_in_parallel(
    dataset_uri: str,
    label: str,
    columns: list = [],
    derived: dict = {},
    where: str = "",
    time_column: str = "",
    time_start: str = "",
    time_end: str = "",
    key_columns: list = [],
    schema_text: str = "",
    task: str = "auto",
    fold_strategy: str = "auto",
    n_folds: int = 5,
    n_repeats: int = 1,
    test_fraction: float = 0.2,
    group_column: str = "",
    specification: dict = {},
    exclude_columns: list = [],
    model: str = "",
    model_code: str = "",
    hyperparameters: dict = {},
    epochs: int = 50,
    batch_size: int = 0,
    learning_rate: float = 0.001,
    patience: int = 5,
    seed: int = 0,
    fitting: dict = {},
    checkpoint_uri: str = "",
    accelerator_type: str = "nvidia.com/gpu",
    accelerator_count: str = "0",
    node_selector: dict = {},
    tolerations: list = [],
):
    """Train K folds, each in a task of its own, and score each row with the model that did not see it.

    Args:
        dataset_uri: CSV, zipped CSV or Parquet; a path, or an http(s), s3 or minio address.
        label: Column to predict.
        columns: Columns to keep; all when empty.
        derived: Names of new columns and the SQL expressions that give them.
        where: SQL condition that rows must meet.
        time_column: Column that says when a row happened.
        time_start: First time to take, inclusive.
        time_end: Time to stop at, exclusive.
        key_columns: Columns that identify a row; its content when empty.
        schema_text: Curated schema (schema.pbtxt) to validate against; inferred when empty.
        task: auto, binary, multiclass or regression.
        fold_strategy: auto, stratified, plain, grouped or forward_chaining.
        n_folds: Number of folds.
        n_repeats: How often the rows are dealt to folds; all folds of all repeats are trained.
        test_fraction: Share of rows that are held out and scored once.
        group_column: Column whose equal values stay in one fold.
        specification: Feature specification; inferred from training rows when empty.
        exclude_columns: Columns that are no features.
        model: Function that builds the model, as module:function; a multilayer perceptron when empty.
        model_code: Source text that holds the function; the command fills it in from a file.
        hyperparameters: Arguments of that function.
        epochs: Most epochs to train.
        batch_size: Rows a step; chosen from the number of rows when 0.
        learning_rate: Step size of the optimizer.
        patience: Epochs without a better mean validation loss before training stops.
        seed: Seed of folds, initial weights and order of rows.
        fitting: Optimizer, schedule, loss, class_weight, weight_column, precision, stopping and more, where not usual.
        checkpoint_uri: Folder or bucket for checkpoints of the training; none when empty.
        accelerator_type: Resource name of the accelerator for training.
        accelerator_count: Accelerators for each training task; a whole number, written as text.
        node_selector: Node labels that training tasks need.
        tolerations: Tolerations of training tasks.
    """
    line = ingest_to_transforms(
        dataset_uri=dataset_uri,
        label=label,
        columns=columns,
        derived=derived,
        where=where,
        time_column=time_column,
        time_start=time_start,
        time_end=time_end,
        key_columns=key_columns,
        schema_text=schema_text,
        task=task,
        fold_strategy=fold_strategy,
        n_folds=n_folds,
        n_repeats=n_repeats,
        test_fraction=test_fraction,
        group_column=group_column,
        specification=specification,
        exclude_columns=exclude_columns,
        seed=seed,
    )
    train_folds_in_parallel(
        dataset=line.dataset,
        folds=line.folds,
        transform=line.transform,
        fold_numbers=line.fold_numbers,
        model=model,
        model_code=model_code,
        hyperparameters=hyperparameters,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        fitting=fitting,
        checkpoint_uri=checkpoint_uri,
        accelerator_type=accelerator_type,
        accelerator_count=accelerator_count,
        node_selector=node_selector,
        tolerations=tolerations,
    )
