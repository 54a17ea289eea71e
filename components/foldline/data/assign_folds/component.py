"""The KFP signature of assign_folds."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Output, OutputPath

from foldline._image import LAUNCHER


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def assign_folds(
    dataset: Input[Dataset], folds: Output[Artifact], report: Output[HTML], fold_numbers: OutputPath(list),
    label: str = "", task: str = "auto", strategy: str = "auto", n_folds: int = 5, test_fraction: float = 0.2,
    seed: int = 0, group_column: str = "", time_column: str = "", n_repeats: int = 1,
):  # fmt: skip
    """Hold out test rows, and deal the other rows to folds.

    Args:
        dataset: The rows.
        folds: Split and fold of each row.
        report: Rows of each class in each fold.
        fold_numbers: Numbers of the folds that are predicted, for a loop over them.
        label: Column to be predicted; empty takes the dataset's own.
        task: auto, binary, multiclass or regression.
        strategy: stratified, plain, grouped or forward_chaining; auto is grouped with a group column, else stratified
            for classes and plain for a regression.
        n_folds: Number of folds that are predicted, at least 2.
        test_fraction: Share of the rows to hold out, 0 to 0.9.
        seed: Which folds; the hold-out does not depend on it.
        group_column: Column whose equal values stay together; for the strategy grouped.
        time_column: Column with the time of each row; for the strategy forward_chaining.
        n_repeats: How often the rows are dealt to folds, each time otherwise; 1 for forward_chaining.
    """
    from foldline.data.assign_folds.run import run

    run(dataset.path, folds.path, report.path, fold_numbers, label=label, task=task, strategy=strategy, n_folds=n_folds,
        n_repeats=n_repeats, test_fraction=test_fraction, seed=seed, group_column=group_column, time_column=time_column,
        describe=folds.metadata.update)  # fmt: skip
