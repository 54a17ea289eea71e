"""Settings of a cluster, written into compiled files."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig

from foldline.errors import ArgumentError
from foldline_pipelines import settings

Call = Callable[..., subprocess.CompletedProcess[str]]
WHOLE = """
image_pull_secrets: [registry-key]
image_pull_policy: IfNotPresent
scratch: {size: 50Gi, storage_class: fast}
shared_memory: 8Gi
cache_claim: foldline-cache
timeout_s: {train-folds: 7200}
cache: {ingest-dataset: true, train-folds: false}
keep_finished_s: 604800
run_timeout_s: 86400
"""


def compiled(foldline: Call, folder: Path, *words: str | Path) -> list[Any]:
    (folder / "settings.yaml").write_text(WHOLE)
    output = folder / "pipeline.yaml"
    ended = foldline("compile", "cross_validate", "-o", output, "--settings", folder / "settings.yaml", *words)
    assert ended.returncode == 0, ended.stderr
    assert output.read_text().startswith("# PIPELINE DEFINITION" if not words else "apiVersion")
    return list(yaml.safe_load_all(output.read_text()))


@pytest.mark.parametrize("manifests", [False, True], ids=["file", "manifests"])
def test_every_setting_reaches_the_compiled_file_in_the_form_that_kfp_reads(
    manifests: bool, foldline: Call, tmp_path: Path
) -> None:
    documents = compiled(foldline, tmp_path, *(["--kubernetes-manifests"] if manifests else []))
    spec = documents[1]["spec"] if manifests else {"pipelineSpec": documents[0], "platformSpec": documents[1]}
    kubernetes = spec["platformSpec"]["platforms"]["kubernetes"]
    assert kubernetes["pipelineConfig"] == {"resourceTtlOnCompletion": 604800, "activeDeadlineSeconds": 86400}
    assert len(kubernetes["deploymentSpec"]["executors"]) == 8
    for label, content in kubernetes["deploymentSpec"]["executors"].items():
        config = json_format.ParseDict(content, KubernetesExecutorConfig())
        assert [one.secret_name for one in config.image_pull_secret] == ["registry-key"]
        assert config.image_pull_policy == "IfNotPresent"
        (volume,) = config.generic_ephemeral_volume
        assert (volume.mount_path, volume.size, volume.storage_class_name) == ("/tmp", "50Gi", "fast")
        assert config.active_deadline_seconds == 7200 or label != "exec-train-folds"
        trains = label in ("exec-train-folds", "exec-tune-hyperparameters")
        assert [one.size_limit for one in config.empty_dir_mounts] == ["8Gi"] * trains
        mounted = [(one.constant, one.mount_path) for one in config.pvc_mount]
        assert mounted == [("foldline-cache", "/var/cache/foldline")] * trains
        container = spec["pipelineSpec"]["deploymentSpec"]["executors"][label]["container"]
        assert container.get("env", []) == [{"name": "FOLDLINE_CACHE", "value": "/var/cache/foldline"}] * trains
    tasks = spec["pipelineSpec"]["root"]["dag"]["tasks"]
    asked = {name: task["cachingOptions"] for name, task in tasks.items() if "cachingOptions" in task}
    cached = {name: options.get("enableCache") for name, options in asked.items()}
    assert cached == {**dict.fromkeys(cached, True), "train-folds": None}
    assert len(cached) == 5


def test_without_a_storage_class_the_clusters_own_is_taken() -> None:
    ir = {"root": {"dag": {"tasks": {}}}, "deploymentSpec": {"executors": {"exec-a": {"container": {}}}}}
    _, platform = settings.apply(settings.Settings(scratch={"size": "1Gi"}), ir, None)
    assert platform is not None
    (volume,) = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-a"]["genericEphemeralVolume"]
    assert volume["defaultStorageClass"] is True


def test_a_file_with_settings_still_runs_on_this_machine(foldline: Call, tmp_path: Path) -> None:
    compiled(foldline, tmp_path)
    ended = foldline("run", tmp_path / "pipeline.yaml", "--set", "dataset_uri=none.csv", "--set", "label=a",
                     "--out", tmp_path / "run")  # fmt: skip
    assert "ingest-dataset: failed" in ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "--settings: expected a YAML file, got No such file or directory"),
        ("- a", r"--settings: expected a YAML mapping, got \['a'\]"),
        ("a: [", "--settings: expected a YAML mapping, got other text"),
        ("pull_secrets: [a]", "--settings pull_secrets: expected one of image_pull_secrets, .*, got an unknown name"),
        ("image_pull_secrets: key", "expected a list of names of Secrets, got 'key'"),
        ("image_pull_policy: Often", "expected one of Always, IfNotPresent, Never, got 'Often'"),
        ("scratch: {storage_class: fast}", "expected a mapping with size"),
        ("scratch: {size: 50 GB}", "expected a mapping with size"),
        ("cache_claim: 3", "expected the name of a PersistentVolumeClaim"),
        ("shared_memory: 0Gi", "expected a size such as 4Gi"),
        ("timeout_s: 60", "expected whole seconds by task, got 60"),
        ("timeout_s: {train-folds: 1h}", "expected whole seconds by task"),
        ("cache: {train-folds: 1}", "expected true or false by task"),
        ("keep_finished_s: 0", "expected whole seconds, at least 1, got 0"),
    ],
)
def test_a_setting_that_cannot_be_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ArgumentError, match=message):
        settings.read(file)


@pytest.mark.parametrize("field", ["timeout_s", "cache"])
def test_a_task_that_the_pipeline_does_not_have_is_named(field: str, foldline: Call, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(f"{field}: {{train: {'60' if field == 'timeout_s' else 'true'}}}\n")
    words = ("compile", "cross_validate", "-o", tmp_path / "a.yaml", "--settings", tmp_path / "settings.yaml")
    ended = foldline(*words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"--settings {field}: expected a task of the pipeline (")
