"""The compiled files that the repository keeps."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig

from builders.compiled import tasks
from foldline_pipelines import golden, registry, shapes
from foldline_pipelines.compile import load, representation

COMPILED = Path(__file__).resolve().parents[2] / "compiled"
PIPELINES = pytest.mark.parametrize("name", sorted(registry.pipelines()))
TRAINING = pytest.mark.parametrize("name", sorted(set(registry.pipelines()) - {"watch_drift"}))
# Their answers depend on what no input tells: the content of a table, the model store, a cluster.
NEVER_CACHED = {
    "ingest-dataset", "compare-models", "deploy-canary", "choose-windows", "monitor-predictions", "trigger-run",
}  # fmt: skip
READS_OBJECT_STORE = {
    "ingest-dataset", "tune-hyperparameters", "tune-on-katib", "train-folds", "train-fold", "train-model",
    "diagnose-training", "compare-models", "deploy-canary", "choose-windows", "score-champion", "monitor-predictions",
    "trigger-run",
}  # fmt: skip
SENDS_ALERTS = {"monitor-predictions", "trigger-run"}
ON_ACCELERATOR = {
    "tune-hyperparameters", "train-folds", "train-fold", "train-model", "spot-check", "diagnose-training",
}  # fmt: skip


def compiled(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline, and by task what Kubernetes is told."""
    ir, platform = yaml.safe_load_all((COMPILED / "pipelines" / f"{name}.yaml").read_text())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return ir, {label.removeprefix("exec-"): content for label, content in executors.items()}


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.yaml")}


def test_the_kept_files_are_what_the_code_compiles_to(tmp_path: Path) -> None:
    golden.write(tmp_path)
    kept, made = files(COMPILED), files(tmp_path)
    assert sorted(kept) == sorted(made), "run `make compile`"
    for name, text in made.items():
        assert kept[name] == text, f"{name}: run `make compile` and review the difference"


@PIPELINES
def test_no_parameter_or_artifact_has_a_name_that_yaml_reads_as_a_boolean(name: str) -> None:
    for document in yaml.safe_load_all((COMPILED / "kubernetes" / f"{name}.yaml").read_text()):
        assert all(isinstance(key, str) for key in keys(document))


def keys(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in keys(inner))]
    if isinstance(value, list):
        return [key for inner in value for key in keys(inner)]
    return []


@PIPELINES
def test_manifests_are_a_pipeline_and_a_version_of_it(name: str) -> None:
    documents = list(yaml.safe_load_all((COMPILED / "kubernetes" / f"{name}.yaml").read_text()))
    assert sorted(document["kind"] for document in documents) == ["Pipeline", "PipelineVersion"]


@PIPELINES
def test_no_pipeline_has_a_shape_that_a_local_run_gets_wrong(name: str) -> None:
    assert shapes.find(load(COMPILED / "pipelines" / f"{name}.yaml"), {}) == []


@PIPELINES
def test_no_pipeline_has_the_name_of_a_component_which_kfp_would_take_it_for(name: str) -> None:
    ir = load(COMPILED / "pipelines" / f"{name}.yaml")
    assert f"comp-{ir['pipelineInfo']['name']}" not in ir["components"]


@PIPELINES
def test_what_depends_on_more_than_its_inputs_is_never_cached(name: str) -> None:
    for task in tasks(load(COMPILED / "pipelines" / f"{name}.yaml")):
        cached = task.content.get("cachingOptions", {}).get("enableCache", False)
        assert cached is (task.name not in NEVER_CACHED), task.name


@TRAINING
def test_training_is_placed_by_parameters(name: str) -> None:
    ir, settings = compiled(name)
    parameters = ir["root"]["inputDefinitions"]["parameters"]
    assert {"accelerator_type", "node_selector", "tolerations"} <= set(parameters)
    placed = {task: content for task, content in settings.items() if "nodeSelector" in content}
    assert set(placed) == ON_ACCELERATOR & set(settings)
    for content in placed.values():
        # In a sub-pipeline KFP puts a prefix before the name of a parameter.
        assert content["nodeSelector"]["nodeSelectorJson"]["componentInputParameter"].endswith("node_selector")
        assert content["tolerations"][0]["tolerationJson"]["componentInputParameter"].endswith("tolerations")
        assert [mount["mountPath"] for mount in content["emptyDirMounts"]] == ["/dev/shm"]
    for task in placed:
        accelerator = ir["deploymentSpec"]["executors"][f"exec-{task}"]["container"]["resources"]["accelerator"]
        assert "accelerator_count" in accelerator["resourceCount"]
        assert "accelerator_type" in accelerator["resourceType"]


@TRAINING
def test_the_accelerator_count_is_text_since_the_driver_reads_a_number_as_nothing(name: str) -> None:
    ir, _ = compiled(name)
    declared = ir["root"]["inputDefinitions"]["parameters"]["accelerator_count"]
    assert (declared["parameterType"], declared["defaultValue"]) == ("STRING", "0")


@PIPELINES
def test_keys_of_the_object_store_and_addresses_of_alerts_come_from_secrets_that_may_be_missing(name: str) -> None:
    _, settings = compiled(name)
    for task, content in settings.items():
        secrets = {secret["secretName"]: secret for secret in content.get("secretAsEnv", [])}
        assert ("foldline-s3" in secrets) is (task in READS_OBJECT_STORE)
        assert ("foldline-alerts" in secrets) is (task in SENDS_ALERTS)
        assert all(secret["optional"] is True for secret in secrets.values())
        for secret in (one for name, one in secrets.items() if name == "foldline-s3"):
            assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= {key["envVar"] for key in secret["keyToEnv"]}


def test_the_task_that_starts_runs_can_call_kubeflow_pipelines_where_users_are_apart() -> None:
    _, settings = compiled("watch_drift")
    labelled = {
        task: content["podMetadata"]["labels"] for task, content in settings.items() if "podMetadata" in content
    }
    assert labelled == {"trigger-run": {"access-ml-pipeline": "true"}}


@PIPELINES
def test_no_task_can_hang_for_ever(name: str) -> None:
    ir, settings = compiled(name)
    assert set(settings) == {task.name for task in tasks(ir)}
    for task, content in settings.items():
        assert 3600 <= int(content["activeDeadlineSeconds"]) <= 7 * 24 * 3600, task


@PIPELINES
def test_kfp_knows_every_setting_of_the_platform(name: str) -> None:
    for content in compiled(name)[1].values():
        json_format.ParseDict(content, KubernetesExecutorConfig())


@PIPELINES
def test_two_parameters_are_enough(name: str) -> None:
    parameters = representation(registry.load(registry.pipelines()[name]))["root"]["inputDefinitions"]["parameters"]
    assert {key for key, value in parameters.items() if not value.get("isOptional")} == {"dataset_uri", "label"}


@pytest.mark.parametrize("name", sorted(registry.components()))
def test_a_component_can_be_loaded_from_its_own_file(name: str) -> None:
    loaded = components.load_component_from_file(str(COMPILED / "components" / f"{name}.yaml"))
    own = registry.load(registry.components()[name])
    assert loaded.component_spec.inputs.keys() == own.component_spec.inputs.keys()
    assert loaded.component_spec.outputs.keys() == own.component_spec.outputs.keys()
