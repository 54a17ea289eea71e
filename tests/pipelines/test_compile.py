"""Compiled files: what the command writes, and what others can do with it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from kfp import components

from builders import pipelines
from foldline.errors import ArgumentError, RunError
from foldline_pipelines import arguments, registry
from foldline_pipelines import compile as compiled_files
from foldline_pipelines.local import localize

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_arguments_become_defaults(foldline: Call, tmp_path: Path) -> None:
    (tmp_path / "arguments.yaml").write_text("label: late\nderived: {late: arr_delay > 15}\ntime_end: 2013-10-01\n")
    output = tmp_path / "out" / "pipeline.yaml"
    ended = foldline(
        "compile", "cross_validate", "--args", tmp_path / "arguments.yaml", "--set", "n_folds=3", "-o", output
    )
    assert ended.returncode == 0, ended.stderr
    declared = arguments.parameters(compiled_files.load(output))
    assert declared["label"] == ("STRING", False, "late")
    assert declared["n_folds"].default == 3
    assert declared["derived"].default == {"late": "arr_delay > 15"}
    assert declared["time_end"].default == "2013-10-01"
    assert declared["dataset_uri"].required
    assert "next: kfp pipeline create" in ended.stdout


MODEL_CODE = """import keras

components: dict = {}
\f
def build_model(inputs):
    # ends as every model does
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units)(inputs.tensors["numeric"]))
"""


@pytest.mark.parametrize("manifests", [False, True], ids=["file", "manifests"])
def test_model_code_of_many_lines_is_in_a_file_that_can_be_read(
    foldline: Call, tmp_path: Path, manifests: bool
) -> None:
    (tmp_path / "model.py").write_text(MODEL_CODE)
    output = tmp_path / "pipeline.yaml"
    chosen = ["--set", f"model={tmp_path / 'model.py'}", *(["--kubernetes-manifests"] if manifests else [])]
    ended = foldline("compile", "train_and_serve", *chosen, "-o", output)
    assert ended.returncode == 0, ended.stderr
    documents = list(yaml.safe_load_all(output.read_text()))
    ir = documents[1]["spec"]["pipelineSpec"] if manifests else documents[0]
    assert ir["root"]["inputDefinitions"]["parameters"]["model_code"]["defaultValue"] == MODEL_CODE
    if not manifests:
        assert ir == compiled_files.load(output)
        assert "#    model_code: str" in output.read_text()


def test_manifests_hold_the_same_pipeline(foldline: Call, tmp_path: Path) -> None:
    plain, manifests = tmp_path / "plain.yaml", tmp_path / "manifests.yaml"
    assert foldline("compile", "cross_validate", "-o", plain).returncode == 0
    assert foldline("compile", "cross_validate", "-o", manifests, "--kubernetes-manifests").returncode == 0
    pipeline, version = yaml.safe_load_all(manifests.read_text())
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == "cross-validate"
    assert version["spec"]["pipelineSpec"] == compiled_files.load(plain)


def test_manifests_are_not_run(tmp_path: Path) -> None:
    file = tmp_path / "manifests.yaml"
    compiled_files.compile_pipeline(pipelines.count, file, {}, kubernetes_manifests=True)
    with pytest.raises(
        RunError, match=r"expected a compiled pipeline .* got documents of kind Pipeline, PipelineVersion"
    ):
        compiled_files.load(file)


@pytest.mark.parametrize(
    ("text", "message"), [(None, "No such file"), ("a: [", "got other text"), ("\x00", "got other text")]
)
def test_a_file_that_is_no_yaml_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "pipeline.yaml").write_text(text)
    with pytest.raises(ArgumentError, match=message):
        compiled_files.load(tmp_path / "pipeline.yaml")


def test_a_component_file_is_loaded_by_others(tmp_path: Path) -> None:
    compiled_files.compile_component(pipelines.write_rows, tmp_path / "write_rows.yaml")
    loaded = components.load_component_from_file(str(tmp_path / "write_rows.yaml"))
    assert list(loaded.component_spec.inputs) == ["rows", "text"]


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        compiled_files.compile_pipeline(registry.load(registry.pipeline("cross_validate")), tmp_path / name, {})
    assert (tmp_path / "one.yaml").read_bytes() == (tmp_path / "two.yaml").read_bytes()


def test_localizing_changes_commands_only(compiled: Callable[[str], Path]) -> None:
    ir = compiled_files.load(compiled("count"))
    roots = {"launcher": Path("/environments/python3/launcher")}
    local = localize.localized(ir, Path("/runs/a"), Path("/usr/bin/python3.11"), roots)
    wrapper = ["/usr/bin/python3.11", "-m", "foldline_pipelines.local.task", "/runs/a", str(roots["launcher"]), "--"]
    for label, executor in local["deploymentSpec"]["executors"].items():
        own = ir["deploymentSpec"]["executors"][label]["container"]
        assert executor["container"] == {**own, "command": wrapper + own["command"]}
    assert {**local, "deploymentSpec": ir["deploymentSpec"]} == ir


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("count", ["write-rows", "count-rows", "note"]),
        ("sub_pipeline_twice", ["write-rows", "note", "write-rows-2", "note-2"]),
        ("loop", []),
    ],
)
def test_tasks_outside_loops_are_known_in_their_order(
    name: str, tasks: list[str], compiled: Callable[[str], Path]
) -> None:
    assert localize.static_tasks(compiled_files.load(compiled(name))) == tasks
