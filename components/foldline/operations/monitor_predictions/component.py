"""The KFP component `monitor_predictions`."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from foldline._image import TRAINER


@dsl.component(base_image=TRAINER, install_kfp_package=False)
def monitor_predictions(
    reference: Input[Dataset], window: Input[Dataset],
    decision: Output[Artifact], metrics: Output[Metrics], report: Output[HTML],
    request_log_uri: str = "", prometheus_url: str = "", every: str = "1d", until: str = "",
    policy: dict = {}, alerts: dict = {}, state_uri: str = "",
):  # fmt: skip
    """Watch predictions, their inputs and the server that gives them, and raise alerts.

    Args:
        reference: The model's reference: rows with out-of-fold predictions and a time column.
        window: Later rows with the model's predictions; their labels may come late.
        decision: Verdict `fine`, `alert` or `not enough data`, with reasons, figures and what became of each alert.
        metrics: Figures of the newest period.
        report: The same as a page, over time.
        request_log_uri: Folder or bucket (s3://bucket/prefix) of the model server's request log; without one, inputs
            and predictions are those of the window.
        prometheus_url: Prometheus that scrapes the model server; without one, CPU and memory are not measured.
        every: Length of a period, as 1d.
        until: Now, in ISO 8601, for a replay of the past; the time of the task when empty.
        policy: Error rate, floors, least rows and how many periods must alarm; see the README.
        alerts: Sinks, silences and how often an alert is repeated; see the README of alerts.
        state_uri: Folder or bucket that remembers which alerts were sent.
    """
    from foldline.operations.monitor_predictions.run import run

    run(reference=reference.path, window=window.path, decision=decision.path, report=report.path,
        request_log_uri=request_log_uri, prometheus_url=prometheus_url, every=every, until=until,
        policy=policy, alerts=alerts, state_uri=state_uri,
        log_metric=metrics.log_metric, describe=decision.metadata.update)  # fmt: skip
