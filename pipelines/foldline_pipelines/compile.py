"""Compiled files: what Kubeflow gets, and what a local run executes."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import compiler

from foldline.errors import ArgumentError
from foldline_pipelines import yaml_text
from foldline_pipelines.local.localize import Representation, pipeline_specification


def compile_pipeline(
    function: Any, path: Path, arguments: Mapping[str, Any], *, kubernetes_manifests: bool = False
) -> None:
    """Write the pipeline `function` to `path`, with `arguments` as defaults of its parameters.

    Args:
        function: decorated with `dsl.pipeline`.
        path: ends in .yaml; its folder is made.
        arguments: names and values.
        kubernetes_manifests: write Pipeline and PipelineVersion objects instead of the intermediate representation.
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
