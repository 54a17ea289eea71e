"""What the doctor says: single findings, and what each pipeline needs."""

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How it stands with one thing."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One thing, how it stands, what was found, and the command that mends it."""

    what: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Needs:
    """Topics that a pipeline cannot do without, and those that it can use."""

    required: frozenset[str]
    useful: frozenset[str] = frozenset()


_EVERY_PIPELINE = frozenset({"kubernetes", "kubeflow", "runs", "storage", "accelerators", "images"})

# A pipeline with deploy_canary keeps its models in a bucket, and serves on KServe where the cluster has it. Katib is
# for searches.
NEEDS = {
    "train_and_serve": Needs(_EVERY_PIPELINE | {"object_store", "kserve"}, frozenset({"katib"})),
    "cross_validate": Needs(_EVERY_PIPELINE, frozenset({"object_store", "katib"})),
    "cross_validate_in_parallel": Needs(_EVERY_PIPELINE, frozenset({"object_store"})),
    "spot_check": Needs(_EVERY_PIPELINE, frozenset({"object_store"})),
    "watch_drift": Needs(_EVERY_PIPELINE - {"accelerators"} | {"object_store"}),
}
