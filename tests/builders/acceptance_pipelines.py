"""Pipelines of the acceptance tests, whose last task says in its log what the others left for the UI."""

import os

from kfp import dsl, kubernetes

from foldline._image import LAUNCHER
from foldline.data.assign_folds.component import assign_folds
from foldline.data.ingest_dataset.component import ingest_dataset
from foldline.features.transform_features.component import transform_features
from foldline.training.train_folds.component import train_folds
from foldline_pipelines.placement import on_accelerator, with_object_store, within_hours

IMAGE = os.environ.get("KFP_TEST_IMAGE") or LAUNCHER
SEEN = "SEEN "


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def make(
    rows: int,
    text: str,
    table: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
    page: dsl.Output[dsl.HTML],
):
    import pathlib

    pathlib.Path(table.path).write_text("\n".join(str(number) for number in range(rows)))
    table.metadata["rows"] = rows
    metrics.log_metric("rows", rows)
    metrics.log_metric("share", 0.25)
    classification.log_roc_curve([0.0, 0.5, 1.0], [0.0, 0.75, 1.0], [1.0, 0.5, 0.0])
    classification.log_confusion_matrix(["no", "yes"], [[8, 2], [1, 9]])
    pathlib.Path(page.path).write_text(f"<!doctype html><title>rows</title><p>{text}</p>")


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def show(
    metrics: dsl.Input[dsl.Metrics],
    classification: dsl.Input[dsl.ClassificationMetrics],
    page: dsl.Input[dsl.HTML],
    settings: dict,
    names: list,
    share: float,
    flag: bool,
):
    import json
    import pathlib

    memory = [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if line.split()[1] == "/dev/shm"]
    seen = {
        "metrics": metrics.metadata,
        "classification": classification.metadata,
        "page": pathlib.Path(page.path).read_text()[:200],
        "parameters": [settings, names, share, flag],
        "shared_memory": memory[-1].split()[2] if memory else "",
    }
    print("SEEN", json.dumps(seen, sort_keys=True))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refuse(text: str):
    if text:
        raise ValueError(text)


@dsl.pipeline(name="foldline-acceptance")
def small(
    rows: int = 3,
    text: str = "hello",
    settings: dict = {"depth": 2, "names": ["a", "b"]},  # noqa: B006 (KFP copies it)
    names: list = ["one", "two"],  # noqa: B006 (KFP copies it)
    share: float = 0.5,
    flag: bool = True,
    message: str = "",
    accelerator_type: str = "nvidia.com/gpu",
    accelerator_count: str = "0",
    node_selector: dict = {},  # noqa: B006 (KFP copies it)
    tolerations: list = [],  # noqa: B006 (KFP copies it)
):
    """Leave one artifact of each kind that the UI draws, and say what is in them."""
    made = make(rows=rows, text=text)
    outputs = {name: made.outputs[name] for name in ("metrics", "classification", "page")}
    shown = show(**outputs, settings=settings, names=names, share=share, flag=flag)
    shown.set_caching_options(False)
    on_accelerator(shown, accelerator_type, accelerator_count, node_selector, tolerations)
    with_object_store(shown)
    within_hours(shown, 1)
    refused = refuse(text=message).after(shown)
    refused.set_caching_options(False)


@dsl.pipeline(name="foldline-acceptance-training")
def training(
    dataset_uri: str,
    label: str,
    derived: dict = {},  # noqa: B006 (KFP copies it)
    where: str = "",
    columns: list = [],  # noqa: B006 (KFP copies it)
    epochs: int = 1,
):
    """Train folds, and say what the UI draws of them."""
    ingested = ingest_dataset(source_uri=dataset_uri, label=label, derived=derived, where=where, columns=columns)
    with_object_store(ingested)
    folds = assign_folds(dataset=ingested.outputs["dataset"], n_folds=2).outputs["folds"]
    transform = transform_features(dataset=ingested.outputs["dataset"], folds=folds).outputs["transform"]
    trained = train_folds(
        dataset=ingested.outputs["dataset"], folds=folds, transform=transform, epochs=epochs, patience=1
    )
    kubernetes.empty_dir_mount(trained, "shared-memory", "/dev/shm", medium="Memory", size_limit="1Gi")
    shown = show(
        metrics=trained.outputs["metrics"],
        classification=trained.outputs["classification"],
        page=trained.outputs["report"],
        settings={},
        names=[],
        share=0.0,
        flag=False,
    )
    shown.set_caching_options(False)
