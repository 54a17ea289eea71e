"""From a raw table to a diagnosis: which kind of model is worth more work, and whether more rows would help."""

from kfp import dsl

from foldline.training.diagnose_training.component import diagnose_training
from foldline.training.spot_check.component import spot_check as check_families
from foldline_pipelines.placement import on_accelerator, with_object_store, within_hours
from foldline_pipelines.stations import ingest_to_transforms


# KFP takes a pipeline for its component when both have one name.
@dsl.pipeline(name="spot-check-and-diagnose")
def spot_check(
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
    families: list = [],
    rows_per_fit: int = 5000,
    time_budget_s: int = 300,
    model: str = "",
    model_code: str = "",
    hyperparameters: dict = {},
    epochs: int = 20,
    batch_size: int = 0,
    learning_rate: float = 0.001,
    patience: int = 3,
    seed: int = 0,
    fitting: dict = {},
    accelerator_type: str = "nvidia.com/gpu",
    accelerator_count: str = "0",
    node_selector: dict = {},
    tolerations: list = [],
):
    """Compare families of models on the same folds, and say what holds a model's training back; no model is kept.

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
        test_fraction: Share of rows that are held out and never touched here.
        group_column: Column whose equal values stay in one fold.
        specification: Feature specification; inferred from training rows when empty.
        exclude_columns: Columns that are no features.
        families: Some of linear, forest, boosting, neighbours, svm, mlp; all when empty.
        rows_per_fit: Training rows of a fold for families whose cost grows faster than the rows.
        time_budget_s: Seconds for each family.
        model: Function that builds the model to diagnose, as module:function; a multilayer perceptron when empty.
        model_code: Source text that holds the function; the command fills it in from a file.
        hyperparameters: Arguments of that function.
        epochs: Most epochs to train it.
        batch_size: Rows a step, around which others are tried; chosen from the number of rows when 0.
        learning_rate: Step size of its optimizer.
        patience: Epochs without a better mean validation loss before its training stops.
        seed: Seed of folds, samples, initial weights and order of rows.
        fitting: Optimizer, schedule, loss, class_weight, weight_column, precision, stopping and more, where not usual.
        accelerator_type: Resource name of the accelerator for training.
        accelerator_count: Accelerators for each training task; a whole number, written as text.
        node_selector: Node labels that training tasks need.
        tolerations: Tolerations of training tasks.
    """
    dataset, folds, transform, _ = ingest_to_transforms(
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
    checked = check_families(
        dataset=dataset,
        folds=folds,
        transform=transform,
        families=families,
        rows_per_fit=rows_per_fit,
        time_budget_s=time_budget_s,
        seed=seed,
    )
    diagnosed = diagnose_training(
        dataset=dataset,
        folds=folds,
        transform=transform,
        model=model,
        model_code=model_code,
        hyperparameters=hyperparameters,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        fitting=fitting,
    )
    with_object_store(diagnosed)
    for task_of_training in (checked, diagnosed):
        on_accelerator(task_of_training, accelerator_type, accelerator_count, node_selector, tolerations)
        within_hours(task_of_training, 24)
