"""What a search on Katib takes beside its definition, checked: where trials run, and what ends with the task."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from foldline._image import TRAINER
from foldline.errors import ArgumentError
from foldline.object_store import is_object_address
from foldline.training.search import fields

DELETE, LEAVE = "delete", "leave"
S3_SECRET = "foldline-s3"
NAMES = (
    "namespace", "image", "service_account", "on_termination", "cpu", "memory", "shared_memory", "cache_claim",
    "patience_s",
)  # fmt: skip
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
# Katib joins a trial's command with spaces and hands it to a shell.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")


@dataclass(frozen=True)
class Placement:
    """Where a trial's pod runs, as the parameters of the same names of the pipelines say it.

    Attributes:
        accelerator_count: of `accelerator_type`; 0 asks for none.
    """

    accelerator_type: str = "nvidia.com/gpu"
    accelerator_count: int = 0
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()

    @classmethod
    def parse(cls, accelerator_type: str, accelerator_count: str, node_selector: Any, tolerations: Any) -> Self:
        """The placement that four parameters describe; whole numbers inside them may come as floats.

        Raises:
            ArgumentError: one of them has a value that it cannot have.
        """
        count = str(accelerator_count).strip() or "0"
        if not count.isdigit():
            raise ArgumentError("accelerator_count", expected="a whole number as text, or nothing", got=repr(count))
        if int(count) and not accelerator_type:
            raise ArgumentError(
                "accelerator_type", expected="the resource to ask for, as nvidia.com/gpu", got="nothing"
            )
        chosen = fields.plain(node_selector, "node_selector")
        if not isinstance(chosen, dict) or not all(isinstance(value, str) for value in chosen.values()):
            raise ArgumentError("node_selector", expected="an object of texts", got=repr(node_selector))
        tolerated = fields.listed(fields.plain(tolerations, "tolerations"), "tolerations")
        if not all(isinstance(one, dict) for one in tolerated):
            raise ArgumentError("tolerations", expected="a list of objects", got=repr(tolerations))
        return cls(accelerator_type, int(count), chosen, tuple(tolerated))


@dataclass(frozen=True)
class Options:
    """The parameter `katib`.

    Attributes:
        namespace: of the Experiment and its trials; empty for the task's own.
        image: of the trials, with Foldline and the packages of the trainer.
        service_account: of the trials' pods; empty for the namespace's default.
        on_termination: `delete` or `leave` the Experiment when the task is told to end.
        cpu, memory: requested by a trial; memory is its limit too.
        shared_memory: size of /dev/shm.
        cache_claim: PersistentVolumeClaim in which trials keep the programs that they compile; empty for none.
        patience_s: seconds for which nothing may move before the search is given up.
    """

    namespace: str = ""
    image: str = TRAINER
    service_account: str = ""
    on_termination: str = DELETE
    cpu: str = "1"
    memory: str = "4Gi"
    shared_memory: str = "2Gi"
    cache_claim: str = ""
    patience_s: float = 1800.0

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """The options that `document` describes; what it leaves out has its default.

        Raises:
            ArgumentError: an unknown name, or a value of another type.
        """
        given = fields.known(document, NAMES, "katib")
        for name in NAMES[:-1]:
            if not isinstance(given.get(name, ""), str):
                raise ArgumentError(f"katib.{name}", expected="text", got=repr(given[name]))
        given = {name: value for name, value in given.items() if value != ""}
        fields.one_of(given.get("on_termination", DELETE), (DELETE, LEAVE), "katib.on_termination")
        for name in ("cpu", "memory", "shared_memory"):
            if name in given and not _QUANTITY.fullmatch(given[name]):
                raise ArgumentError(
                    f"katib.{name}", expected="a quantity of Kubernetes, as 500m or 4Gi", got=given[name]
                )
        if "patience_s" in given:
            given["patience_s"] = fields.number(given["patience_s"], "katib.patience_s", above=0)
        return cls(**given)


def check_state(uri: str) -> str:
    """`uri` without a slash at its end, where it is an address that a trial's command can carry.

    Raises:
        ArgumentError: it is no address of a bucket, or has characters that a shell reads in its own way.
    """
    if not is_object_address(uri) or not _PLAIN.fullmatch(uri):
        raise ArgumentError(
            "state_uri",
            expected="s3://bucket/prefix of letters, digits, dots, dashes, underscores and slashes",
            got=repr(uri),
            fix="Trials run in pods of their own: what they read and what they find goes through a bucket.",
        )
    return uri.rstrip("/")
