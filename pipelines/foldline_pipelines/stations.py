"""The stations that pipelines share: from a raw table to the transforms of its folds, and to K trained folds."""

from typing import NamedTuple

from kfp import dsl

from foldline.data.assign_folds.component import assign_folds
from foldline.data.ingest_dataset.component import ingest_dataset
from foldline.data.validate_data.component import validate_data
from foldline.features.transform_features.component import transform_features
from foldline.training.train_folds.component import train_folds
from foldline.training.without_search.component import without_search
from foldline_pipelines.placement import on_accelerator, with_object_store, within_hours
from foldline_pipelines.search_tasks import search_with_katib, search_with_optuna


class TransformedFolds(NamedTuple):
    """Artifacts that what trains on folds takes."""

    dataset: dsl.Artifact
    folds: dsl.Artifact
    transform: dsl.Artifact
    fold_numbers: list


class TrainedFolds(NamedTuple):
    """Artifacts that later stations take."""

    dataset: dsl.Artifact
    folds: dsl.Artifact
    transform: dsl.Artifact
    training: dsl.Artifact
    predictions: dsl.Artifact


def ingest_to_transforms(
    *,
    dataset_uri: str,
    label: str,
    columns: list,
    derived: dict,
    where: str,
    time_column: str,
    time_start: str,
    time_end: str,
    key_columns: list,
    schema_text: str,
    task: str,
    fold_strategy: str,
    n_folds: int,
    n_repeats: int,
    test_fraction: float,
    group_column: str,
    specification: dict,
    exclude_columns: list,
    seed: int,
) -> TransformedFolds:
    """Add ingestion, validation, folds and their transforms to the pipeline that is being built.

    The arguments are those of the pipelines, values or pipeline parameters.
    """
    ingested = ingest_dataset(
        source_uri=dataset_uri,
        label=label,
        columns=columns,
        derived=derived,
        where=where,
        time_column=time_column,
        time_start=time_start,
        time_end=time_end,
        key_columns=key_columns,
    )
    # KFP's cache knows the address of a table, not its content.
    ingested.set_caching_options(False)
    with_object_store(ingested)
    within_hours(ingested, 6)
    dataset = ingested.outputs["dataset"]
    validated = validate_data(dataset=dataset, schema_text=schema_text)
    within_hours(validated, 6)
    assigned = assign_folds(
        dataset=dataset,
        task=task,
        strategy=fold_strategy,
        n_folds=n_folds,
        n_repeats=n_repeats,
        test_fraction=test_fraction,
        seed=seed,
        group_column=group_column,
        time_column=time_column,
    ).after(validated)
    within_hours(assigned, 2)
    folds = assigned.outputs["folds"]
    transformed = transform_features(
        dataset=dataset,
        folds=folds,
        specification=specification,
        exclude_columns=exclude_columns,
    )
    within_hours(transformed, 6)
    return TransformedFolds(dataset, folds, transformed.outputs["transform"], assigned.outputs["fold_numbers"])


def ingest_to_trained_folds(
    *,
    dataset_uri: str,
    label: str,
    columns: list,
    derived: dict,
    where: str,
    time_column: str,
    time_start: str,
    time_end: str,
    key_columns: list,
    schema_text: str,
    task: str,
    fold_strategy: str,
    n_folds: int,
    n_repeats: int,
    test_fraction: float,
    group_column: str,
    specification: dict,
    exclude_columns: list,
    model: str,
    model_code: str,
    hyperparameters: dict,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: dict,
    training_mode: str,
    checkpoint_uri: str,
    search: dict,
    search_engine: str,
    katib: dict,
    accelerator_type: str,
    accelerator_count: str,
    node_selector: dict,
    tolerations: list,
) -> TrainedFolds:
    """Add ingestion to transforms, a search where one is asked for, and the training of K folds to the pipeline that is
    being built.

    The arguments are those of the pipelines, values or pipeline parameters.
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
    searched = {
        "dataset": line.dataset,
        "folds": line.folds,
        "transform": line.transform,
        "definition": search,
        "model": model,
        "model_code": model_code,
        "hyperparameters": hyperparameters,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "patience": patience,
        "seed": seed,
        "fitting": fitting,
        "accelerator_type": accelerator_type,
        "accelerator_count": accelerator_count,
        "node_selector": node_selector,
        "tolerations": tolerations,
    }
    with dsl.If(search_engine == "optuna"):
        by_optuna = search_with_optuna(checkpoint_uri=checkpoint_uri, **searched)
    with dsl.Elif(search_engine == "katib"):
        by_katib = search_with_katib(state_uri=checkpoint_uri, katib=katib, **searched)
    with dsl.Else():
        by_nobody = without_search(search_engine=search_engine, definition=search)
        within_hours(by_nobody, 1)
    tuned = dsl.OneOf(by_optuna.output, by_katib.output, by_nobody.outputs["tuned"])
    trained_folds = train_folds(
        dataset=line.dataset,
        folds=line.folds,
        transform=line.transform,
        model=model,
        model_code=model_code,
        hyperparameters=hyperparameters,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        fitting=fitting,
        mode=training_mode,
        checkpoint_uri=checkpoint_uri,
        tuned=tuned,
    )
    with_object_store(trained_folds)
    on_accelerator(trained_folds, accelerator_type, accelerator_count, node_selector, tolerations)
    within_hours(trained_folds, 48)
    outputs = trained_folds.outputs
    return TrainedFolds(line.dataset, line.folds, line.transform, outputs["training"], outputs["predictions"])
