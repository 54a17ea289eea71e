"""From a raw table to out-of-fold scores, without a model that is kept."""

from kfp import dsl

from foldline_pipelines.stations import ingest_to_trained_folds


@dsl.pipeline(name="cross-validate")
def cross_validate(
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
    training_mode: str = "auto",
    checkpoint_uri: str = "",
    search: dict = {},
    search_engine: str = "none",
    katib: dict = {},
    accelerator_type: str = "nvidia.com/gpu",
    accelerator_count: str = "0",
    node_selector: dict = {},
    tolerations: list = [],
):
    """Train K folds, each with its own transform, and score each row with the model that did not see it.

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
        training_mode: auto, stacked (all folds in one program), sequential (one by one), or how many at a time.
        checkpoint_uri: Folder or bucket for checkpoints of training and search; none when empty.
        search: Definition of a search that comes before the training; its winner stands over the parameters above.
        search_engine: none, optuna (in one task) or katib (on the cluster; needs a bucket in checkpoint_uri).
        katib: Of the engine katib: namespace, image, service_account, on_termination; each has a default.
        accelerator_type: Resource name of the accelerator for training.
        accelerator_count: Accelerators for each training task; a whole number, written as text.
        node_selector: Node labels that training tasks need.
        tolerations: Tolerations of training tasks.
    """
    ingest_to_trained_folds(
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
        model=model,
        model_code=model_code,
        hyperparameters=hyperparameters,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        fitting=fitting,
        training_mode=training_mode,
        checkpoint_uri=checkpoint_uri,
        search=search,
        search_engine=search_engine,
        katib=katib,
        accelerator_type=accelerator_type,
        accelerator_count=accelerator_count,
        node_selector=node_selector,
        tolerations=tolerations,
    )
