"""Settings of a cluster that no parameter of a run can give, written into a compiled pipeline.

KFP takes image pull secrets, volumes, time limits and caching from the compiled file only.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2

from foldline.errors import ArgumentError
from foldline_pipelines import yaml_text
from foldline_pipelines.placement import SHARED_MEMORY

Document = dict[str, Any]
_QUANTITY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_LONGEST_S = 2**31 - 1
# What the trainer reads, and where it then finds the volume.
CACHE_VARIABLE, CACHE_PATH = "FOLDLINE_CACHE", "/var/cache/foldline"


@dataclass(frozen=True)
class Settings:
    """What is written into a compiled pipeline; an empty field changes nothing.

    Args:
        image_pull_secrets: names of Secrets with the keys of an image registry.
        image_pull_policy: Always, IfNotPresent or Never.
        scratch: `size` (as 50Gi) and `storage_class` of a volume at /tmp that lives as long as its pod.
        shared_memory: size of /dev/shm of the training tasks.
        cache_claim: PersistentVolumeClaim in which the training tasks keep the programs that they compile.
        timeout_s: seconds by task.
        cache: whether KFP may reuse a task's earlier outputs, by task.
        keep_finished_s: seconds until Workflow and pods of an ended run are removed.
        run_timeout_s: seconds that a run may take as a whole.
    """

    image_pull_secrets: list[str] = field(default_factory=list)
    image_pull_policy: str = ""
    scratch: dict[str, str] = field(default_factory=dict)
    shared_memory: str = ""
    cache_claim: str = ""
    timeout_s: dict[str, int] = field(default_factory=dict)
    cache: dict[str, bool] = field(default_factory=dict)
    keep_finished_s: int = 0
    run_timeout_s: int = 0


def read(file: Path) -> Settings:
    """Settings from a YAML mapping whose names are the fields of `Settings`.

    Raises:
        ArgumentError: the file is missing or no mapping, a name is unknown, or a value cannot be.
    """
    try:
        content = yaml_text.parse(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ArgumentError("--settings", expected="a YAML file", got=f"{fault.strerror}: {file}") from fault
    except (yaml_text.YAMLError, UnicodeDecodeError) as fault:
        raise ArgumentError("--settings", expected="a YAML mapping", got=f"other text in {file}") from fault
    if not isinstance(content, dict):
        raise ArgumentError("--settings", expected="a YAML mapping", got=f"{content!r} in {file}")
    known = {one.name: one.type for one in fields(Settings)}
    for name, value in content.items():
        if name not in known:
            raise ArgumentError(f"--settings {name}", expected=f"one of {', '.join(known)}", got="an unknown name")
        _check(name, value)
    return Settings(**content)


def apply(settings: Settings, ir: Document, platform: Document | None) -> tuple[Document, Document | None]:
    """Copies of a compiled pipeline and its platform document that carry the settings.

    Raises:
        ArgumentError: a setting names a task that the pipeline does not have.
    """
    if settings == Settings():
        return ir, platform
    ir = copy.deepcopy(ir)
    platform = copy.deepcopy(platform or {})
    tasks = dict(_tasks(ir))
    executables = ir["deploymentSpec"]["executors"]
    labels = {label.removeprefix("exec-"): label for label, one in executables.items() if "container" in one}
    _check_tasks("cache", settings.cache, tasks)
    _check_tasks("timeout_s", settings.timeout_s, labels)
    for name, cached in settings.cache.items():
        tasks[name]["cachingOptions"] = {"enableCache": True} if cached else {}
    kubernetes = platform.setdefault("platforms", {}).setdefault("kubernetes", {})
    executors = kubernetes.setdefault("deploymentSpec", {}).setdefault("executors", {})
    for name, label in labels.items():
        executors[label] = _executor(settings, name, executors.get(label, {}))
        if settings.cache_claim and _is_training(executors[label]):
            environment = executables[label]["container"].setdefault("env", [])
            environment.append({"name": CACHE_VARIABLE, "value": CACHE_PATH})
    whole = {"resourceTtlOnCompletion": settings.keep_finished_s, "activeDeadlineSeconds": settings.run_timeout_s}
    if limits := {name: seconds for name, seconds in whole.items() if seconds}:
        kubernetes.setdefault("pipelineConfig", {}).update(limits)
    return ir, platform


def _executor(settings: Settings, task: str, content: Document) -> Document:
    config = json_format.ParseDict(content, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    for secret in settings.image_pull_secrets:
        added = config.image_pull_secret.add(secret_name=secret)
        added.secret_name_parameter.runtime_value.constant.string_value = secret
    if settings.image_pull_policy:
        config.image_pull_policy = settings.image_pull_policy
    if settings.scratch:
        storage_class = settings.scratch.get("storage_class", "")
        config.generic_ephemeral_volume.add(
            volume_name="scratch",
            mount_path="/tmp",
            access_modes=["ReadWriteOnce"],
            size=settings.scratch["size"],
            storage_class_name=storage_class,
            default_storage_class=not storage_class,
        )
    for mount in config.empty_dir_mounts:
        if settings.shared_memory and mount.volume_name == SHARED_MEMORY:
            mount.size_limit = settings.shared_memory
    if settings.cache_claim and _is_training(content):
        mount = config.pvc_mount.add(mount_path=CACHE_PATH, constant=settings.cache_claim)
        mount.pvc_name_parameter.runtime_value.constant.string_value = settings.cache_claim
    if task in settings.timeout_s:
        config.active_deadline_seconds = settings.timeout_s[task]
    return dict(json_format.MessageToDict(config))


def _is_training(content: Document) -> bool:
    return any(mount.get("volumeName") == SHARED_MEMORY for mount in content.get("emptyDirMounts", []))


def _tasks(ir: Document) -> Iterator[tuple[str, Document]]:
    for component in (ir["root"], *ir.get("components", {}).values()):
        yield from component.get("dag", {}).get("tasks", {}).items()


def _check_tasks(setting: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            raise ArgumentError(
                f"--settings {setting}", expected=f"a task of the pipeline ({', '.join(known)})", got=repr(name)
            )


def _check(name: str, value: Any) -> None:
    kinds: dict[str, tuple[bool, str]] = {
        "image_pull_secrets": (_is_list_of_names(value), "a list of names of Secrets"),
        "image_pull_policy": (value in _PULL_POLICIES, f"one of {', '.join(_PULL_POLICIES)}"),
        "scratch": (_is_scratch(value), "a mapping with size (as 50Gi), and perhaps storage_class"),
        "shared_memory": (_is_quantity(value), "a size such as 4Gi"),
        "cache_claim": (isinstance(value, str) and bool(value), "the name of a PersistentVolumeClaim"),
        "timeout_s": (_is_by_task(value, _is_seconds), "whole seconds by task"),
        "cache": (
            isinstance(value, dict) and all(type(one) is bool for one in value.values()),
            "true or false by task",
        ),
        "keep_finished_s": (_is_seconds(value), "whole seconds, at least 1"),
        "run_timeout_s": (_is_seconds(value), "whole seconds, at least 1"),
    }
    right, expected = kinds[name]
    if not right:
        raise ArgumentError(f"--settings {name}", expected=expected, got=repr(value))


def _is_by_task(value: Any, right: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(right, value.values()))


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


def _is_scratch(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and "size" in value
        and set(value) <= {"size", "storage_class"}
        and _is_quantity(value["size"])
        and isinstance(value.get("storage_class", ""), str)
    )


def _is_quantity(value: Any) -> bool:
    return isinstance(value, str) and _QUANTITY.fullmatch(value) is not None


def _is_seconds(value: Any) -> bool:
    return type(value) is int and 1 <= value <= _LONGEST_S
