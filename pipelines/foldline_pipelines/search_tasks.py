"""The search of hyperparameters where its parameters place it.

Each engine is a pipeline of its own: KFP 2.17 hands the body of a condition no parameter that only the task's resources
name.
"""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input

from foldline.training.tune_hyperparameters.component import tune_hyperparameters
from foldline.training.tune_on_katib.component import tune_on_katib
from foldline_pipelines.placement import on_accelerator, with_object_store, within_hours

_LONGEST_H = 7 * 24


@dsl.pipeline(name="search-with-optuna")
def search_with_optuna(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Input[Artifact],
    definition: dict,
    model: str,
    model_code: str,
    hyperparameters: dict,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: dict,
    checkpoint_uri: str,
    accelerator_type: str,
    accelerator_count: str,
    node_selector: dict,
    tolerations: list,
) -> dict:
    """Search in one task, on the accelerators that training has."""
    searched = tune_hyperparameters(
        dataset=dataset,
        folds=folds,
        transform=transform,
        definition=definition,
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
    )
    with_object_store(searched)
    on_accelerator(searched, accelerator_type, accelerator_count, node_selector, tolerations)
    within_hours(searched, _LONGEST_H)
    return searched.outputs["tuned"]


@dsl.pipeline(name="search-with-katib")
def search_with_katib(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Input[Artifact],
    definition: dict,
    model: str,
    model_code: str,
    hyperparameters: dict,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: dict,
    state_uri: str,
    katib: dict,
    accelerator_type: str,
    accelerator_count: str,
    node_selector: dict,
    tolerations: list,
) -> dict:
    """Search with an Experiment, whose trials have the accelerators; the task that watches it has none."""
    searched = tune_on_katib(
        dataset=dataset,
        folds=folds,
        transform=transform,
        definition=definition,
        model=model,
        model_code=model_code,
        hyperparameters=hyperparameters,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        fitting=fitting,
        state_uri=state_uri,
        katib=katib,
        accelerator_type=accelerator_type,
        accelerator_count=accelerator_count,
        node_selector=node_selector,
        tolerations=tolerations,
    )
    with_object_store(searched)
    within_hours(searched, _LONGEST_H)
    return searched.outputs["tuned"]
