"""From new rows to a decision: does the champion still fit them, and is it to be trained again?"""

from kfp import dsl

from foldline.data.detect_drift.component import detect_drift
from foldline.data.ingest_dataset.component import ingest_dataset
from foldline.data.validate_data.component import validate_data
from foldline.operations.choose_windows.component import choose_windows
from foldline.operations.monitor_predictions.component import monitor_predictions
from foldline.operations.score_champion.component import score_champion
from foldline.operations.trigger_run.component import trigger_run
from foldline_pipelines.placement import with_alerts, with_object_store, with_pipelines, within_hours


@dsl.pipeline(name="watch-drift")
def watch_drift(
    dataset_uri: str,
    label: str,
    model_name: str = "model",
    store_uri: str = "",
    state_uri: str = "",
    columns: list = [],
    derived: dict = {},
    where: str = "",
    time_column: str = "",
    key_columns: list = [],
    schema_text: str = "",
    every: str = "7d",
    until: str = "",
    most_windows: int = 26,
    exclude_columns: list = [],
    drift_policy: dict = {},
    request_log_uri: str = "",
    prometheus_url: str = "",
    monitoring_every: str = "1d",
    monitoring_policy: dict = {},
    alerts: dict = {},
    pipeline: str = "train-and-serve",
    pipeline_version: str = "",
    arguments: dict = {},
    trigger_policy: dict = {},
    trigger_backend: str = "auto",
    pipelines_endpoint: str = "",
    pipelines_namespace: str = "kubeflow",
    serving_namespace: str = "",
):
    """Hold new rows against what the champion was trained on, and train again where there is a reason to.

    Args:
        dataset_uri: CSV, zipped CSV or Parquet; a path, or an http(s), s3 or minio address.
        label: Column that the champion predicts; its values may come late.
        model_name: Name of the model in the store.
        store_uri: Folder or bucket of the model store; a local run takes ./models when this is empty.
        state_uri: Folder or bucket in which watches remember alerts and runs; a local run takes ./watch when empty.
        columns: Columns to keep; all when empty. Those of the training that it leaves out count as missing.
        derived: Names of new columns and the SQL expressions that give them.
        where: SQL condition that rows must meet.
        time_column: Column that says when a row happened; the champion was trained with the same.
        key_columns: Columns that identify a row; its content when empty.
        schema_text: Curated schema (schema.pbtxt) to validate against; inferred when empty.
        every: Length of a window, as 7d.
        until: The newest window ends at this time (ISO 8601) or before; now when empty.
        most_windows: Of more windows since the champion's training, the newest are looked at.
        exclude_columns: Columns that are not watched, beside those that move by construction.
        drift_policy: Error rate, floors, least rows and how many windows must alarm; see detect_drift.
        request_log_uri: Folder or bucket of the model server's request log; the new rows stand for it when empty.
        prometheus_url: Prometheus that scrapes the model server; CPU and memory are not looked at when empty.
        monitoring_every: Length of a period of the monitoring, as 1d.
        monitoring_policy: The same as drift_policy for the monitoring; see monitor_predictions.
        alerts: Sinks, silences and how often an alert is repeated; see docs/drift.md.
        pipeline: Pipeline that trains again; a local run takes a name of foldline list, or a compiled file.
        pipeline_version: Name of its version; the newest when empty.
        arguments: Its arguments, but for the store, the model's name and the time to end at, which it gets.
        trigger_policy: Reasons for a run, cool-down and monthly budget; see trigger_run.
        trigger_backend: Where it runs: kubeflow, local, or auto: where this runs.
        pipelines_endpoint: Address of Kubeflow Pipelines; as the kfp client finds it when empty.
        pipelines_namespace: Namespace of Kubeflow Pipelines.
        serving_namespace: Namespace of the model's rollouts; the run's own when empty.
    """
    chosen = choose_windows(
        store_uri=store_uri, model_name=model_name, every=every, until=until, most_windows=most_windows
    )
    chosen.set_caching_options(False)
    with_object_store(chosen)
    within_hours(chosen, 1)
    ingested = ingest_dataset(
        source_uri=dataset_uri,
        label=label,
        label_required=False,
        columns=columns,
        derived=derived,
        where=where,
        time_column=time_column,
        time_start=chosen.outputs["time_start"],
        time_end=chosen.outputs["time_end"],
        key_columns=key_columns,
    )
    ingested.set_caching_options(False)
    with_object_store(ingested)
    within_hours(ingested, 6)
    validated = validate_data(
        dataset=ingested.outputs["dataset"], schema_text=schema_text, stop_on_errors=False, label_required=False
    )
    within_hours(validated, 6)
    champion = score_champion(
        dataset=ingested.outputs["dataset"],
        store_uri=store_uri,
        model_name=model_name,
        model_version=chosen.outputs["model_version"],
    )
    with_object_store(champion)
    within_hours(champion, 6)
    reference, scored = champion.outputs["reference"], champion.outputs["scored"]
    drift = detect_drift(
        reference=reference, window=scored, every=every, exclude_columns=exclude_columns, policy=drift_policy
    )
    within_hours(drift, 6)
    monitored = monitor_predictions(
        reference=reference,
        window=scored,
        request_log_uri=request_log_uri,
        prometheus_url=prometheus_url,
        every=monitoring_every,
        until=until,
        policy=monitoring_policy,
        alerts=alerts,
        state_uri=state_uri,
    )
    monitored.set_caching_options(False)
    with_object_store(monitored)
    with_alerts(monitored)
    within_hours(monitored, 6)
    triggered = trigger_run(
        validation=validated.outputs["decision"],
        drift=drift.outputs["decision"],
        monitoring=monitored.outputs["decision"],
        window=scored,
        store_uri=store_uri,
        model_name=model_name,
        state_uri=state_uri,
        time_end=chosen.outputs["time_end"],
        pipeline=pipeline,
        version=pipeline_version,
        arguments=arguments,
        policy=trigger_policy,
        alerts=alerts,
        backend=trigger_backend,
        endpoint=pipelines_endpoint,
        namespace=pipelines_namespace,
        serving_namespace=serving_namespace,
        until=until,
    )
    triggered.set_caching_options(False)
    with_object_store(triggered)
    with_alerts(triggered)
    with_pipelines(triggered)
    within_hours(triggered, 24)
