"""Compiled files: what Kubeflow gets, and what a local run executes."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from kfp import compiler

from foldline.errors import ArgumentError
from foldline_pipelines import settings as cluster_settings
from foldline_pipelines import yaml_text
from foldline_pipelines.local.localize import Representation, pipeline_specification
from foldline_pipelines.settings import Settings

_NO_SETTINGS = Settings()


def compile_pipeline(
    function: Any,
    path: Path,
    arguments: Mapping[str, Any],
    *,
    kubernetes_manifests: bool = False,
    settings: Settings = _NO_SETTINGS,
) -> None:
    """Write the pipeline `function` to `path`, with `arguments` as defaults of its parameters.

    Args:
        function: decorated with `dsl.pipeline`.
        path: ends in .yaml; its folder is made.
        arguments: names and values.
        kubernetes_manifests: write Pipeline and PipelineVersion objects instead of the intermediate representation.
        settings: what the file tells the cluster beside that.

    Raises:
        ArgumentError: a setting names a task that the pipeline does not have.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    options = compiler.KubernetesManifestOptions(include_pipeline_manifest=True) if kubernetes_manifests else None
    compiler.Compiler().compile(
        function,
        str(path),
        pipeline_parameters=dict(arguments),
        kubernetes_manifest_format=kubernetes_manifests,
        kubernetes_manifest_options=options,
    )
    if not kubernetes_manifests:
        path.write_text(_commented(path.read_text(encoding="utf-8")), encoding="utf-8")
    if settings != _NO_SETTINGS:
        path.write_text(with_settings(path.read_text(encoding="utf-8"), settings, str(path)), encoding="utf-8")


def with_settings(text: str, settings: Settings, source: str) -> str:
    """A compiled file, or the Kubernetes objects of one, that carries the settings; comments above it stay.

    Raises:
        ArgumentError: a setting names a task that the pipeline does not have.
        RunError: the text holds no compiled pipeline.
    """
    if settings == _NO_SETTINGS:
        return text
    documents = yaml_text.parse_compiled(text)
    version = next((one for one in documents if isinstance(one, dict) and one.get("kind") == "PipelineVersion"), None)
    if version is not None:
        spec = version["spec"]
        ir, platform = cluster_settings.apply(settings, spec["pipelineSpec"], spec.get("platformSpec"))
        version["spec"] = {**spec, "pipelineSpec": ir, "platformSpec": platform}
    else:
        ir = pipeline_specification(documents, source)
        given = next((one for one in documents if isinstance(one, dict) and "platforms" in one), None)
        documents = list(cluster_settings.apply(settings, ir, given))
    comments = [line for line in text.splitlines(keepends=True) if line.startswith("#")]
    return "".join(comments) + str(yaml.safe_dump_all(documents, sort_keys=True))


def _commented(text: str) -> str:
    """A compiled file in which all lines above the specification are comments.

    KFP describes the parameters there, and marks only the first line of a default that has several, as model code has.
    """
    above, start, specification = text.rpartition("\ncomponents:\n")
    lines = [line if line.startswith("#") else f"# {line}".rstrip() for line in above.splitlines()]
    return "\n".join(lines) + start + specification


def compile_component(component: Any, path: Path) -> None:
    """Write `component` to `path` (.yaml), for `kfp.components.load_component_from_file`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(component, str(path))


def representation(function: Any) -> Representation:
    """The intermediate representation of a pipeline."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "pipeline.yaml"
        compile_pipeline(function, path, {})
        return load(path)


def load(path: Path) -> Representation:
    """The intermediate representation in a compiled file.

    Raises:
        ArgumentError: there is no such file, or it is no YAML.
        RunError: the file holds no compiled pipeline.
    """
    try:
        documents = yaml_text.parse_compiled(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ArgumentError("pipeline", expected="a compiled YAML file", got=f"{fault.strerror}: {path}") from fault
    except (yaml_text.YAMLError, UnicodeDecodeError) as fault:
        raise ArgumentError("pipeline", expected="a compiled YAML file", got=f"other text in {path}") from fault
    return pipeline_specification(documents, str(path))
