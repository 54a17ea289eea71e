"""The training of K folds as K tasks and one that joins them; a pipeline of its own, as loops are."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input

from foldline.training.collect_folds.component import collect_folds
from foldline.training.train_fold.component import train_fold
from foldline_pipelines.placement import on_accelerator, with_object_store, within_hours


@dsl.pipeline(name="train-one-fold")
def train_one_fold(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Input[Artifact],
    fold: int,
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
) -> Artifact:
    """Train a fold where its parameters place it.

    KFP 2.17 hands a loop's body no parameter that only the task's resources name, so the body is a pipeline.
    """
    trained = train_fold(
        dataset=dataset,
        folds=folds,
        transform=transform,
        fold=fold,
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
    with_object_store(trained)
    on_accelerator(trained, accelerator_type, accelerator_count, node_selector, tolerations)
    within_hours(trained, 48)
    return trained.outputs["fold_training"]


@dsl.pipeline(name="train-folds-in-parallel")
def train_folds_in_parallel(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Input[Artifact],
    fold_numbers: list,
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
):
    """Train each fold in a task of its own, then stop them together and score them."""
    with dsl.ParallelFor(fold_numbers) as number:
        one = train_one_fold(
            dataset=dataset,
            folds=folds,
            transform=transform,
            fold=number,
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
    collected = collect_folds(
        dataset=dataset,
        folds=folds,
        transform=transform,
        fold_trainings=dsl.Collected(one.output),
        patience=patience,
    )
    within_hours(collected, 6)
