"""Files of `deploy_canary`: a challenger and what was decided about it in, the canary's decision out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from foldline.artifacts import Dataset, Decision, Model, Predictions
from foldline.disk import room_for
from foldline.ending import ended_in_order
from foldline.errors import ArtifactError
from foldline.serving.deploy_canary import parameters, smoke, traffic
from foldline.serving.deploy_canary.backends.backend import Backend, NotReadyError, Server
from foldline.serving.deploy_canary.examination import examine, golden
from foldline.serving.deploy_canary.feedback.source import Feedback
from foldline.serving.deploy_canary.locally import local_place, replayed
from foldline.serving.deploy_canary.mirrored.agreement import agreement
from foldline.serving.deploy_canary.outcome import Outcome, stated
from foldline.serving.deploy_canary.parameters import KNATIVE, KSERVE, LOCAL, STANDARD
from foldline.serving.deploy_canary.replacing import replace_champion
from foldline.serving.deploy_canary.rolling_out import Place, roll_out
from foldline.serving.site.site import Site
from foldline.store import CHAMPION, Store, open_store, version_of


@room_for("the outputs")
def run(
    *,
    challenger: str,
    dataset: str,
    predictions: str,
    comparison: str,
    decision: str,
    report: str,
    store_uri: str,
    model_name: str,
    smoke_rows: int,
    timeout_s: float,
    backend: str,
    serving_namespace: str,
    policy: dict[str, Any],
    traffic_uri: str,
    traffic_per_s: float,
    route: dict[str, Any],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Make the challenger the champion if the comparison says so and its rollout ends well.

    Raises:
        ArgumentError: a parameter is out of range.
        ArtifactError: an input is torn, or they do not belong together.
        DataError: the table at `traffic_uri` has not the model's columns.
        StoreError: the store cannot be used, or the champion is not the one that was compared.
        ServingError: the challenger failed; the champion stays, and the decision says why.
        ClusterError: the Kubernetes API refuses something or does not answer; the champion stays.
    """
    backend = parameters.resolved(backend, serving_namespace, model_name)
    rules = parameters.check(
        store_uri=store_uri,
        model_name=model_name,
        smoke_rows=smoke_rows,
        timeout_s=timeout_s,
        backend=backend,
        traffic_per_s=traffic_per_s,
        policy=policy,
        serving_namespace=serving_namespace,
        traffic_uri=traffic_uri,
        route=route,
    )
    model, compared = Model.read(Path(challenger)), Decision.read(Path(comparison))
    _check_comparison(compared, model, model_name, Path(comparison))
    version, seen = version_of(model.digest), str(compared.figures["champion_version"])
    outcome = Outcome(
        Path(decision),
        Path(report),
        describe,
        policy={
            "smoke_rows": smoke_rows,
            "timeout_s": timeout_s,
            "tolerance": smoke.TOLERANCE,
            "backend": backend,
            **(stated(rules) if backend != KSERVE else {}),
        },
        figures={"model_name": model_name, "challenger_version": version, "champion_version_before": seen},
    )
    if compared.verdict == "keep":
        outcome.conclude("keep", "Nothing is deployed, the champion stays.", *compared.reasons)
        return
    store = open_store(store_uri)
    current = store.alias(model_name, CHAMPION)
    if current not in (seen or None, version):
        raise store.conflict(model_name, CHAMPION, seen or "nothing", current or "nothing")
    table, answered = Dataset.read(Path(dataset)), Predictions.read(Path(predictions))
    right = golden(table, answered, model, smoke_rows)
    agree = agreement(rules, model, table)
    settings = rules.feedback
    told = None if settings is None else Feedback(settings, model_name, (seen, version), model.task)
    rows = traffic.of_file(traffic_uri, model.signature) if traffic_uri else []
    store.register(model_name, Path(challenger))

    def examined(server: Server, prefix: str) -> list[str]:
        try:
            problems, found = examine(server, right, model, version, timeout_s)
        except NotReadyError as fault:
            outcome.problems.append(str(fault))
            raise
        outcome.figures |= {f"{prefix}{name}": value for name, value in found.items()}
        outcome.problems += problems
        return problems

    def sending(site: Site) -> AbstractContextManager[None]:
        sent = rows or traffic.of_dataset(table, pa.array(answered.row_id), model.signature)
        return replayed(site, sent, traffic_per_s, beside_users=bool(rows))

    with outcome.told(), ended_in_order():
        if backend == STANDARD:
            _refuse_standard(serving_namespace, model_name, timeout_s)
        if backend == KSERVE:
            replace_champion(
                _in_kserve(serving_namespace, store, model_name, version, current, timeout_s),
                is_champion=current == version,
                examine=examined,
                move_alias=lambda: store.set_alias(model_name, CHAMPION, version, expected=seen or None),
            )
            return
        outcome.record = roll_out(
            local_place(store, model_name, timeout_s, sending, log_to=settings.log_folder if settings else "")
            if backend == LOCAL
            else _in_cluster(backend, store, model_name, serving_namespace, route, timeout_s),
            store,
            model_name,
            challenger=version,
            champion=seen,
            policy=rules,
            wait_s=timeout_s,
            examine=examined,
            say=lambda line: print(line, flush=True),
            agree=agree,
            feedback=told,
            note=outcome.noted,
        )


def _in_cluster(
    backend: str, store: Store, model_name: str, namespace: str, route: dict[str, Any], timeout_s: float
) -> Place:
    # Here and below: the Kubernetes client takes half a second to import.
    from foldline.serving.deploy_canary.in_cluster import knative_place, route_place

    place = knative_place if backend == KNATIVE else route_place
    return place(store, model_name, namespace, route, timeout_s)


def _refuse_standard(namespace: str, model_name: str, timeout_s: float) -> NoReturn:
    from foldline.cluster import connect
    from foldline.serving.deploy_canary.backends import standard

    cluster = connect(capability="rollouts")
    standard.refuse(cluster, namespace or cluster.namespace, model_name, timeout_s)


def _in_kserve(
    namespace: str, store: Store, model_name: str, version: str, champion: str | None, timeout_s: float
) -> Backend:
    from foldline.cluster import connect
    from foldline.serving.deploy_canary.backends.kserve import KServeBackend

    cluster = connect(capability=KSERVE)
    return KServeBackend(
        cluster,
        namespace or cluster.namespace,
        model_name,
        store.location(model_name, version),
        champion_uri=store.location(model_name, champion) if champion else "",
        is_champion=lambda: store.alias(model_name, CHAMPION) == version,
        timeout_s=timeout_s,
    )


def _check_comparison(compared: Decision, model: Model, model_name: str, path: Path) -> None:
    for name, expected, got in (
        ("subject", "comparison", compared.subject),
        ("figures.challenger_digest", model.digest, compared.figures.get("challenger_digest")),
        ("figures.model_name", model_name, compared.figures.get("model_name")),
    ):
        if expected != got:
            raise ArtifactError(
                f"field {name} of {path}",
                expected=expected,
                got=repr(got),
                fix="Give the decision that compare_models made of this challenger.",
            )
    if compared.verdict not in ("promote", "keep"):
        raise ArtifactError(f"field verdict of {path}", expected="promote or keep", got=repr(compared.verdict))
