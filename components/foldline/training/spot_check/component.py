"""The KFP component `spot_check`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def spot_check(
    dataset: Input[Dataset],
    folds: Input[Artifact],
    transform: Input[Artifact],
    table: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
    families: list = [],
    rows_per_fit: int = 5000,
    time_budget_s: int = 300,
    seed: int = 0,
):
    """Compare families of models on the same folds: which kind is worth more work; exports no model.

    Args:
        dataset: The table.
        folds: Its folds; test rows are not touched.
        transform: A transform for each fold.
        table: Each setting with mean, standard error, fit time and the paired test against the best.
        metrics: Mean of the primary metric of each family's best setting, and its standard error.
        report: The same as a page, with a plot.
        families: Some of linear, forest, boosting, neighbours, svm, mlp; all when empty; the baseline is always there.
        rows_per_fit: Training rows of a fold for families whose cost grows faster than the rows.
        time_budget_s: Seconds for each family; what is not fitted by then is left out, and the page says so.
        seed: Of samples, trees, initial weights and the order of rows.
    """
    from foldline.training.spot_check.run import run

    run(dataset=dataset.path, folds=folds.path, transform=transform.path, table=table.path, report=report.path,
        families=families, rows_per_fit=rows_per_fit, time_budget_s=time_budget_s, seed=seed,
        log_metric=metrics.log_metric, describe=table.metadata.update)  # fmt: skip
