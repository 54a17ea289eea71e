"""Compiled pipelines as this machine runs them: each command in the environment that stands for its image.

Pure: intermediate representation in, intermediate representation out.
"""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foldline._image import IMAGES, image
from foldline.errors import RunError

Representation = dict[str, Any]


def pipeline_specification(documents: list[Any], source: str) -> Representation:
    """The pipeline among the documents of a compiled file; settings of a platform have no meaning here.

    Raises:
        RunError: there is none.
    """
    for document in documents:
        if isinstance(document, dict) and "pipelineInfo" in document and "root" in document:
            return document
    found = [str(document.get("kind", "?")) for document in documents if isinstance(document, dict)]
    raise RunError(
        source,
        expected="a compiled pipeline (with pipelineInfo and root)",
        got=f"documents of kind {', '.join(found)}" if found else "no YAML mapping",
        fix="Compile it with foldline compile, without --kubernetes-manifests.",
    )


def environments(ir: Representation) -> list[str]:
    """Names of the images that the tasks of `ir` run in, each once.

    Raises:
        RunError: an image is none of Foldline's; names task and image.
    """
    return sorted({name for _, name in _executors(ir)})


def localized(ir: Representation, run_folder: Path, python: Path, roots: Mapping[str, Path]) -> Representation:
    """A copy of `ir` whose commands run under `foldline_pipelines.local.task`, each in its own environment.

    Args:
        ir: a compiled pipeline.
        run_folder: absolute folder of the run.
        python: interpreter that has `foldline_pipelines`; runs the wrapper.
        roots: folder of the environment of each image.

    Raises:
        RunError: an image is none of Foldline's; names task and image.
    """
    local = copy.deepcopy(ir)
    for label, name in _executors(local):
        container = local["deploymentSpec"]["executors"][label]["container"]
        wrapper = [str(python), "-m", "foldline_pipelines.local.task", str(run_folder), str(roots[name]), "--"]
        container["command"] = wrapper + container["command"]
    return local


def static_tasks(ir: Representation) -> list[str]:
    """Names of the tasks outside loops, in an order in which they can run.

    kfp.local names a task after its component; the compiler gives every task a component of its own.
    """
    return list(_in_order(ir, ir["root"]["dag"]))


def _in_order(ir: Representation, dag: Representation) -> Iterator[str]:
    waiting, done = dict(dag.get("tasks", {})), set[str]()
    while waiting:
        ready = [name for name, task in waiting.items() if set(task.get("dependentTasks", [])) <= done]
        for name in ready or list(waiting):
            task = waiting.pop(name)
            done.add(name)
            if "parameterIterator" in task or "artifactIterator" in task:
                continue
            component = task["componentRef"]["name"]
            if "dag" in ir["components"][component]:
                yield from _in_order(ir, ir["components"][component]["dag"])
            elif "container" in ir["deploymentSpec"]["executors"][ir["components"][component]["executorLabel"]]:
                yield component.removeprefix("comp-")


def _executors(ir: Representation) -> Iterator[tuple[str, str]]:
    """Label and environment of every container in `ir`."""
    names = {image(name): name for name in IMAGES}
    for label, executor in ir.get("deploymentSpec", {}).get("executors", {}).items():
        if "container" in executor:
            wanted = executor["container"]["image"]
            if wanted not in names:
                raise RunError(
                    f"task {label.removeprefix('exec-')}",
                    expected=f"one of the images {', '.join(names)}",
                    got=wanted,
                    fix="Compile the pipeline with this version of Foldline, or set FOLDLINE_IMAGE_<NAME>.",
                )
            yield label, names[wanted]
