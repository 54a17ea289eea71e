"""The compiled files that the repository keeps."""

from pathlib import Path

import pytest
import yaml
from kfp import components

from foldline_pipelines import golden, registry, shapes
from foldline_pipelines.compile import load, representation

COMPILED = Path(__file__).resolve().parents[2] / "compiled"
PIPELINES = pytest.mark.parametrize("name", sorted(registry.pipelines()))
NEVER_CACHED = {"compare-models", "deploy-canary"}
ON_ACCELERATOR = {"train-folds", "train-model"}


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
def test_comparison_and_deployment_are_never_cached(name: str) -> None:
    tasks = load(COMPILED / "pipelines" / f"{name}.yaml")["root"]["dag"]["tasks"]
    for task, content in tasks.items():
        cached = content.get("cachingOptions", {}).get("enableCache", False)
        assert cached is (task not in NEVER_CACHED), task


@PIPELINES
def test_training_is_placed_by_parameters(name: str) -> None:
    ir, platform = list(yaml.safe_load_all((COMPILED / "pipelines" / f"{name}.yaml").read_text()))
    parameters = ir["root"]["inputDefinitions"]["parameters"]
    assert {"accelerator_type", "accelerator_count", "node_selector", "tolerations"} <= set(parameters)
    placed = {
        label.removeprefix("exec-"): content
        for label, content in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].items()
    }
    assert set(placed) == ON_ACCELERATOR & set(ir["root"]["dag"]["tasks"])
    for content in placed.values():
        assert content["nodeSelector"]["nodeSelectorJson"]["componentInputParameter"] == "node_selector"
        assert content["tolerations"][0]["tolerationJson"]["componentInputParameter"] == "tolerations"
    for task in placed:
        accelerator = ir["deploymentSpec"]["executors"][f"exec-{task}"]["container"]["resources"]["accelerator"]
        assert "accelerator_count" in accelerator["resourceCount"]
        assert "accelerator_type" in accelerator["resourceType"]


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
