"""The KFP component `trigger_run`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output, component

from foldline._image import LAUNCHER


@component(base_image=LAUNCHER, install_kfp_package=False)
def trigger_run(
    validation: Input[Artifact], drift: Input[Artifact], monitoring: Input[Artifact], window: Input[Dataset],
    decision: Output[Artifact], metrics: Output[Metrics], report: Output[HTML],
    store_uri: str, model_name: str, state_uri: str, time_end: str = "", pipeline: str = "train-and-serve",
    version: str = "", arguments: dict = {}, policy: dict = {}, alerts: dict = {}, backend: str = "auto",
    endpoint: str = "", namespace: str = "kubeflow", serving_namespace: str = "", until: str = "",
    timeout_s: float = 86400.0,
):  # fmt: skip
    """Start one run of a pipeline where there is a reason to train again and nothing that speaks against it.

    Args:
        validation: The decision of validate_data about the window.
        drift: The decision of detect_drift.
        monitoring: The decision of monitor_predictions.
        window: The scored rows since the champion's training.
        decision: Verdict `started` or `not started`, with reasons, guards and figures.
        metrics: Whether a run started, and the figures that the guards looked at.
        report: The same as a page.
        store_uri: Folder or bucket (s3://bucket/prefix) of the model store; the run gets it too.
        model_name: Name of the model in the store; the run gets it too.
        state_uri: Folder or bucket in which watchers remember what they started.
        time_end: End of the newest window, up to which the run trains; just after the newest row when empty.
        pipeline: Name of the pipeline on Kubeflow; a local run takes its name or a compiled file.
        version: Name of the pipeline's version; the newest when empty.
        arguments: Arguments of the run.
        policy: Reasons, cool-down and budget; what it leaves out has its default.
        alerts: Sinks and silences of alerts.
        backend: `kubeflow`, `local`, or `auto`: local in a local run, else kubeflow.
        endpoint: Address of Kubeflow Pipelines; as the kfp client finds it when empty.
        namespace: Namespace as the kfp client takes it: inside a cluster that of Kubeflow Pipelines itself.
        serving_namespace: Namespace of the model's rollouts; the task's own when empty.
        until: The time of the decision in ISO 8601; now when empty.
        timeout_s: Seconds for which a local run is awaited.
    """
    from foldline.operations.trigger_run.run import run

    run(validation=validation.path, drift=drift.path, monitoring=monitoring.path, window=window.path,
        decision=decision.path, report=report.path, log_metric=metrics.log_metric, describe=decision.metadata.update,
        store_uri=store_uri, model_name=model_name, state_uri=state_uri, time_end=time_end, pipeline=pipeline,
        version=version, arguments=arguments, policy=policy, alerts=alerts, backend=backend, endpoint=endpoint,
        namespace=namespace, serving_namespace=serving_namespace, until=until, timeout_s=timeout_s)  # fmt: skip
