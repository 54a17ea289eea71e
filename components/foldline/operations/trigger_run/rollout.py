"""Whether a rollout of the model is under way: then its serving changes already, and its traffic is split."""

from datetime import UTC, datetime

from foldline.operations.trigger_run.backends.backend import LONGEST
from foldline.operations.trigger_run.guards import ROLLOUT, Guard
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.keeping.keeper import Keeper
from foldline.serving.site.state import default_folder


def local_keeper(store_uri: str, model_name: str) -> Keeper:
    """The memory of the rollouts on this machine."""
    return FileKeeper(default_folder(store_uri, model_name))


def cluster_keeper(namespace: str, model_name: str) -> Keeper:
    """The memory of the rollouts in a namespace; empty takes the task's own.

    Raises:
        ClusterError: there is no cluster.
    """
    # The Kubernetes client takes half a second to import.
    from foldline.cluster import connect
    from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper

    cluster = connect(capability="rollouts")
    return ClusterKeeper(cluster, namespace or cluster.namespace, model_name)


def none_under_way(keeper: Keeper, now: float) -> Guard:
    """No rollout is going on; one that nobody has looked at for a week counts as dead.

    Args:
        now: seconds since 1970.

    Raises:
        ClusterError, ServingError: what is remembered cannot be read.
    """
    record = keeper.load()
    if record is None or record.ended:
        return Guard(ROLLOUT, True, "No rollout is under way.")
    seen = max(record.seen_at, record.entered_at)
    said = f"The rollout of {record.challenger} is {record.phase}, last seen {_time(seen)}"
    figures = {"challenger": record.challenger, "phase": record.phase, "seen_at": _time(seen)}
    if now - seen > LONGEST.total_seconds():
        return Guard(ROLLOUT, True, f"{said}, and counts as dead.", figures)
    return Guard(ROLLOUT, False, f"{said}.", figures)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
