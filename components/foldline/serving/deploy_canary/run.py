"""Files of `deploy_canary`: a challenger and what was decided about it in, the canary's decision out."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from foldline.artifacts import Dataset, Decision, Model, Predictions
from foldline.disk import room_for
from foldline.errors import ArgumentError, ArtifactError, ClusterError, FoldlineError, ServingError, StoreError
from foldline.serving.deploy_canary import page, smoke
from foldline.serving.deploy_canary.backends.backend import Backend, Server
from foldline.serving.deploy_canary.backends.local import LocalBackend
from foldline.serving.deploy_canary.examination import Golden, examine, golden
from foldline.store import CHAMPION, Store, open_store, version_of

MOST_PROBLEMS = 10
LOCAL, KSERVE = "local", "kserve"
BACKENDS = (LOCAL, KSERVE)


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
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Make the challenger the champion if the comparison says so and its server answers rightly.

    Raises:
        ArgumentError: a parameter is out of range.
        ArtifactError: an input is torn, or they do not belong together.
        StoreError: the store cannot be used, or the champion is not the one that was compared.
        ServingError: the challenger failed; the champion stays, and the decision says why.
        ClusterError: the Kubernetes API refuses something or does not answer; the champion stays.
    """
    if smoke_rows < 1:
        raise ArgumentError("smoke_rows", expected="at least 1", got=repr(smoke_rows))
    if not timeout_s > 0:
        raise ArgumentError("timeout_s", expected="a number of seconds above 0", got=repr(timeout_s))
    if backend not in BACKENDS:
        raise ArgumentError("backend", expected=" or ".join(BACKENDS), got=repr(backend))
    if backend == LOCAL and serving_namespace:
        raise ArgumentError("serving_namespace", expected=f"nothing with backend {LOCAL}", got=repr(serving_namespace))
    if backend == KSERVE:
        # Here and below: the Kubernetes client takes half a second to import.
        from foldline.serving.deploy_canary.backends.inference_service import check_arguments

        check_arguments(store_uri, model_name)
    model, compared = Model.read(Path(challenger)), Decision.read(Path(comparison))
    _check_comparison(compared, model, model_name, Path(comparison))
    version, seen = version_of(model.digest), compared.figures["champion_version"] or None
    policy = {"smoke_rows": smoke_rows, "timeout_s": timeout_s, "tolerance": smoke.TOLERANCE, "backend": backend}
    figures: dict[str, Any] = {
        "model_name": model_name,
        "challenger_version": version,
        "champion_version_before": compared.figures["champion_version"],
    }

    def conclude(verdict: str, *reasons: str) -> None:
        made = Decision(subject="canary", verdict=verdict, reasons=reasons, figures=figures, policy=policy)
        made.write(Path(decision))
        page.canary(made).write(Path(report))
        describe({"verdict": verdict, "version": version})

    if compared.verdict == "keep":
        conclude("keep", "Nothing is deployed, the champion stays.", *compared.reasons)
        return
    store = open_store(store_uri)
    current = store.alias(model_name, CHAMPION)
    if current == version and backend == LOCAL:
        conclude("promote", f"Version {version} is the champion already; nothing was done.")
        return
    if current not in (seen, version):
        raise store.conflict(model_name, CHAMPION, seen or "nothing", current or "nothing")
    right = golden(Dataset.read(Path(dataset)), Predictions.read(Path(predictions)), model, smoke_rows)
    store.register(model_name, Path(challenger))
    place = _place(backend, serving_namespace, store, model_name, version, current, timeout_s)
    try:
        with _ended_in_order():
            if current != version:
                with place.challenger() as server:
                    _pass(server, right, model, timeout_s, figures, "")
            with place.champion() or nullcontext() as serving:
                if serving is not None:
                    _pass(serving, right, model, timeout_s, figures, "served_")
                store.set_alias(model_name, CHAMPION, version, expected=seen)
    except _WrongError as fault:
        problems = [*fault.problems, *getattr(fault, "__notes__", [])]
        figures["problems"] = problems[:MOST_PROBLEMS]
        conclude("rollback", f"The champion stays: {problems[0]}.", f"{len(problems)} of the checks failed.")
        raise ServingError(
            f"canary of model {model_name} version {version}",
            expected="right answers to all smoke requests",
            got=f"{len(problems)} wrong; first {problems[0]}",
            fix="The champion stays; the report lists what failed.",
        ) from None
    except StoreError as fault:
        conclude("keep", f"The challenger passed, but the champion was not moved: {fault}")
        raise
    except (ServingError, ClusterError) as fault:
        conclude("keep", f"The champion stays: {fault}", *getattr(fault, "__notes__", []))
        raise
    asked = figures.get("requests", 0) + figures.get("served_requests", 0)
    conclude("promote", f"Version {version} is the champion: {asked} requests were answered rightly.")


class _WrongError(FoldlineError):
    """A server that does not answer rightly."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("answers", expected="right ones", got=problems[0])
        self.problems = problems


def _pass(server: Server, right: Golden, model: Model, timeout_s: float, figures: dict[str, Any], prefix: str) -> None:
    """Examine the server; its figures go into `figures` with `prefix`."""
    problems, found = examine(server, right, model, version_of(model.digest), timeout_s)
    figures |= {f"{prefix}{name}": value for name, value in found.items()}
    if problems:
        raise _WrongError(problems)


def _place(
    backend: str,
    namespace: str,
    store: Store,
    model_name: str,
    version: str,
    champion: str | None,
    timeout_s: float,
) -> Backend:
    if backend == LOCAL:
        return LocalBackend(store.fetch(model_name, version), model_name)
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


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that what serves is ended or put back before this process ends."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        # A second one must not break off the clean-up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
