"""The KFP component `deploy_canary`."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output, component

from foldline._image import SERVER


@component(base_image=SERVER, install_kfp_package=False)
def deploy_canary(
    challenger: Input[Model], dataset: Input[Dataset], predictions: Input[Artifact], comparison: Input[Artifact],
    decision: Output[Artifact], report: Output[HTML], store_uri: str, model_name: str, smoke_rows: int = 64,
    timeout_s: float = 600.0, backend: str = "local", serving_namespace: str = "", policy: dict = {},
    traffic_uri: str = "", traffic_per_s: float = 100.0, route: dict = {},
):  # fmt: skip
    """Serve the challenger beside the champion, shift traffic in steps, and promote it or roll it back on evidence.

    Args:
        challenger: The new model.
        dataset: The table that the smoke requests are taken from.
        predictions: The challenger's predictions of the test rows, which its server must give.
        comparison: The decision of compare_models; only its verdict `promote` deploys anything.
        decision: Verdict `promote`, `keep`, `hold` or `rollback`, with reasons and figures.
        report: The same as a page, with the evidence over time.
        store_uri: Folder or bucket (s3://bucket/prefix) of the model store.
        model_name: Name of the model in the store.
        smoke_rows: Number of test rows that are sent, a request each.
        timeout_s: Seconds for each wait for a server or an object to be ready.
        backend: `local` (this machine), `route` (KServe, HTTPRoute), `knative` (KServe), `kserve` (no split), `auto`.
        serving_namespace: Namespace of the InferenceServices; empty takes the task's own.
        policy: Steps, gates, error probabilities and deadline of the split; what it leaves out has its default.
        traffic_uri: Parquet or CSV file whose rows are sent as requests; test rows where no users are when empty.
        traffic_per_s: Requests a second that are sent.
        route: Of `route` and `knative`: prometheus, inference_service; of `route`: gateway, hostname.
    """
    from foldline.serving.deploy_canary.run import run

    run(challenger=challenger.path, dataset=dataset.path, predictions=predictions.path, comparison=comparison.path,
        decision=decision.path, report=report.path, describe=decision.metadata.update, store_uri=store_uri,
        model_name=model_name, smoke_rows=smoke_rows, timeout_s=timeout_s, backend=backend, policy=policy, route=route,
        serving_namespace=serving_namespace, traffic_uri=traffic_uri, traffic_per_s=traffic_per_s)  # fmt: skip
