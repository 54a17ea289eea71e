"""The KFP component `detect_drift`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def detect_drift(
    reference: Input[Dataset], window: Input[Dataset],
    decision: Output[Artifact], metrics: Output[Metrics], report: Output[HTML],
    every: str = "7d", exclude_columns: list = [], policy: dict = {},
):  # fmt: skip
    """Tell drift from natural variation, for one window or along a series of windows.

    Args:
        reference: What the windows are held against, with a time column and, if any, predictions.
        window: One window or consecutive windows, later than the reference.
        decision: Verdict `drift`, `no drift`, `not enough data` or `fault`, with reasons, figures and the event's key.
        metrics: Windows judged and alarmed, p-value of the newest, columns that alarm.
        report: The same as a page, with distributions side by side and the series over time.
        every: Length of a window and of the reference's periods, as 7d.
        exclude_columns: Columns that are not watched, beside those that move by construction.
        policy: Error rate, floors, least rows and how many windows must alarm; see the README.
    """
    from foldline.data.detect_drift.run import run

    run(reference=reference.path, window=window.path, decision=decision.path, report=report.path,
        every=every, exclude_columns=exclude_columns, policy=policy,
        log_metric=metrics.log_metric, describe=decision.metadata.update)  # fmt: skip
