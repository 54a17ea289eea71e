"""One attempt to start a run: the places where runs start, and the guards that look at them."""

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from foldline.operations.trigger_run import guards, naming, rollout
from foldline.operations.trigger_run.backends.backend import Backend
from foldline.operations.trigger_run.backends.local import local_backend
from foldline.operations.trigger_run.claiming import Claims, Outcome
from foldline.operations.trigger_run.guards import Guard
from foldline.operations.trigger_run.ledger import Entry, Ledger
from foldline.operations.trigger_run.parameters import LOCAL
from foldline.operations.trigger_run.shared_ledger import SharedLedger
from foldline.operations.trigger_run.wish import Wish
from foldline.serving.deploy_canary.keeping.keeper import Keeper
from foldline.store import CHAMPION, Store


@dataclass(frozen=True)
class Place:
    """Where runs of a pipeline start, and where the rollouts of its models are remembered."""

    backend: Backend
    keeper: Keeper


@contextmanager
def opened(
    where: str,
    *,
    store_uri: str,
    model_name: str,
    pipeline: str,
    version: str,
    endpoint: str,
    namespace: str,
    serving_namespace: str,
    timeout_s: float,
) -> Iterator[Place]:
    """A block in which runs can be started, on this machine or on Kubeflow.

    Raises:
        ArgumentError: there is no such place.
        RunError: Kubeflow does not answer, or has no such version of the pipeline.
        ClusterError: there is no cluster that rollouts could be on.
    """
    if where == LOCAL:
        keeper = rollout.local_keeper(store_uri, model_name)
        with local_backend(os.environ, pipeline, version, timeout_s) as backend:
            yield Place(backend, keeper)
        return
    # The client of kfp takes more than a second to import.
    from foldline.kubeflow.connection import connect
    from foldline.operations.trigger_run.backends.kubeflow import KubeflowBackend

    on_server = KubeflowBackend(connect(endpoint, namespace), pipeline, version)
    yield Place(on_server, rollout.cluster_keeper(serving_namespace, model_name))


def owner() -> str:
    """A name for this task that no other has."""
    return f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"


def start(
    wish: Wish, place: Place, ledger: SharedLedger, store: Store, *, wall: Callable[[], float] = time.time
) -> Outcome:
    """Start the run unless a guard refuses; a run that a dead task has left in the middle is taken up.

    Args:
        wall: seconds since 1970.

    Raises:
        RunError, ClusterError, StoreError: as for the place, the rollouts and the stores.
    """
    backend = place.backend
    open_reasons = guards.unanswered(ledger.read(), wish.reasons) or wish.reasons
    lead = open_reasons[0]
    entry = Entry(
        key=lead.key,
        keys=tuple(reason.key for reason in open_reasons),
        name=naming.run_name(backend.pipeline, lead),
        reason=lead.sentence,
        pipeline=backend.pipeline,
        version=backend.version,
        at=wish.now.isoformat(timespec="seconds"),
    )

    def judge(found: Ledger) -> tuple[Guard, ...]:
        return (wish.data, *guards.of_ledger(found, lead, wish.policy, wish.now))

    def look() -> tuple[Guard, ...]:
        return (
            guards.same_champion(wish.judged, store.alias(wish.model_name, CHAMPION) or ""),
            guards.none_under_way(backend.under_way(), backend.pipeline),
            rollout.none_under_way(place.keeper, wall()),
        )

    def begin() -> None:
        said = naming.description(open_reasons, wish.model_name, wish.judged)
        backend.start(entry.name, said, wish.parameters)

    outcome = Claims(ledger, backend, wall=wall).start(entry, judge, look, begin)
    left = outcome.run is not None and outcome.run.left
    return replace(outcome, started=outcome.started or left, adopted=outcome.adopted or left)
