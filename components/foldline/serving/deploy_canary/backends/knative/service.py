"""The InferenceService of a rollout in Knative mode: read, patched, and seen to do what it was asked."""

from collections.abc import Callable, Collection
from typing import Any

from foldline.cluster import (
    CONFIGURATIONS,
    INFERENCE_SERVICES,
    KNATIVE_ROUTES,
    PODS,
    REVISIONS,
    SERVICES,
    Cluster,
    Object,
)
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.inference_service import is_ours
from foldline.serving.deploy_canary.backends.knative import form
from foldline.serving.deploy_canary.backends.knative.form import Made, Seen
from foldline.serving.deploy_canary.backends.route import settings as shared
from foldline.waiting import Done, Failed, Outcome, Pending, wait_until

POLL_S = 0.5


class Service:
    """One InferenceService in Knative mode.

    Args:
        cluster: its Role is `foldline-kserve`.
        rollouts: the same with the Role `foldline-rollouts`.
    """

    def __init__(self, cluster: Cluster, rollouts: Cluster, namespace: str, name: str) -> None:
        self._cluster, self._rollouts, self.namespace, self.name = cluster, rollouts, namespace, name

    @property
    def what(self) -> str:
        """The object as messages name it."""
        return f"inferenceservice/{self.name} in namespace {self.namespace}"

    def find(self) -> Object | None:
        """The InferenceService, or None where there is none, or one that is being deleted.

        Raises:
            ServingError: there is one that Foldline did not make, or one that Knative does not serve.
        """
        found = self._cluster.find(INFERENCE_SERVICES, self.namespace, self.name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return None
        if not is_ours(found):
            raise ServingError(
                self.what,
                expected="none, or one that Foldline made (label app.kubernetes.io/managed-by: foldline)",
                got="one that somebody else made",
                fix="Give the model another name, or remove the InferenceService.",
            )
        if form.mode(found) != form.MODE:
            raise ServingError(
                self.what,
                expected=f"in mode {form.MODE}, as backend knative needs",
                got=f"mode {form.mode(found) or 'unknown'}",
                fix="KServe never changes the mode of one that is there: take backend route, or another model_name.",
            )
        return found

    def seen(self) -> Seen | None:
        """One look at it; None where there is none."""
        found = self.find()
        return None if found is None else form.seen(found)

    def create(self, uri: str, settings: dict[str, Any], timeout_s: float) -> None:
        """Make it for the model at `uri`, when nothing of an earlier one of its name is left.

        Revisions are counted from 1 again: one whose Services belong to its namesake never gets ready.
        """
        wait_until(
            self._left,
            lambda left: Pending(f"{left} of an earlier one is not gone") if left else Done(),
            what=self.what,
            expected="nothing of its name before it is made",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )
        self._cluster.create(INFERENCE_SERVICES, self.namespace, form.build(self.name, self.namespace, uri, settings))

    def remove(self, timeout_s: float) -> None:
        """Delete it where Foldline made it, and wait until it is gone."""
        if self.find() is not None:
            self._cluster.delete(INFERENCE_SERVICES, self.namespace, self.name)
        once = self._cluster.without_retries()
        wait_until(
            lambda: once.find(INFERENCE_SERVICES, self.namespace, self.name),
            lambda found: Done() if found is None else Pending("it is there"),
            what=self.what,
            expected="to be deleted",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def ask(self, uri: str, percent: int | None, *, only: Callable[[Seen], None]) -> None:
        """Ask for the model and its share in one patch, unless it is asked for already.

        Args:
            only: raises where what is there must not be changed; called again when somebody wrote it meanwhile.
        """

        def change(found: Object) -> Object | None:
            now = form.seen(found)
            only(now)
            return None if (now.uri, now.percent) == (uri, percent) else form.pointed_at(uri, percent)

        self._cluster.edit(INFERENCE_SERVICES, self.namespace, self.name, change)

    def give(self, uri: str, settings: dict[str, Any]) -> bool:
        """Give it settings of `spec.predictor` beside the model at `uri`; whether it had others."""
        wanted = form.build(self.name, self.namespace, uri, settings)
        changed = False

        def change(found: Object) -> Object | None:
            nonlocal changed
            patch = shared.difference(found, wanted)
            changed = patch is not None
            return patch

        self._cluster.edit(INFERENCE_SERVICES, self.namespace, self.name, change)
        return changed

    def made(self) -> Made:
        """What Knative has made of what KServe asked it for."""
        name = form.predictor_name(self.name)
        return form.made(self._rollouts.find(CONFIGURATIONS, self.namespace, name))

    def wait_made(self, done: Callable[[Made], bool], expected: str, timeout_s: float) -> None:
        """Wait until what Knative has made is so.

        Raises:
            ServingError: it is not within `timeout_s`.
        """
        wait_until(
            self.made,
            lambda made: Done() if done(made) else Pending(f"newest revision {made.newest or 'none'} for {made.uri}"),
            what=f"configuration/{form.predictor_name(self.name)} in namespace {self.namespace}",
            expected=expected,
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def revision(self, name: str) -> Object | None:
        """The revision of this name, or None."""
        return self._rollouts.find(REVISIONS, self.namespace, name) if name else None

    def model(self, name: str) -> str:
        """Address of the model that a revision serves; empty where there is none of this name."""
        found = self.revision(name)
        return "" if found is None else form.model_of(found)

    def pods(self, revision: str) -> list[Object]:
        """The pods of a revision."""
        if not revision:
            return []
        return self._cluster.select(PODS, self.namespace, labels=f"serving.knative.dev/revision={revision}")

    def route(self) -> Object | None:
        """The Knative route that the requests take; None where there is none yet."""
        return self._rollouts.find(KNATIVE_ROUTES, self.namespace, form.predictor_name(self.name))

    def confirm(self, wanted: dict[str, int], timeout_s: float, known: Collection[str] | None = None) -> None:
        """Wait until the router splits the requests so.

        Args:
            wanted: percent by revision.
            known: revisions that may get requests until then; None where any may.

        Raises:
            ServingError: it does not within `timeout_s`, or gives requests to another revision.
        """
        once = self._rollouts.without_retries()
        named = form.predictor_name(self.name)
        wait_until(
            lambda: once.find(KNATIVE_ROUTES, self.namespace, named),
            lambda route: form.judge_route(route, wanted, known),
            what=f"route/{named} in namespace {self.namespace}",
            expected=" and ".join(f"{percent} % to {name}" for name, percent in wanted.items()),
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def wait_rolled_out(self, revision: str, timeout_s: float) -> None:
        """Wait until KServe has noted that the revision has all requests: what a later share leaves goes by that."""
        once = self._cluster.without_retries()

        def judge(found: Object | None) -> Outcome:
            if found is None:
                return Failed("it was deleted meanwhile")
            noted = form.seen(found).rolled_out
            return Done() if noted == revision else Pending(f"latestRolledoutRevision is {noted or 'none'}")

        wait_until(
            lambda: once.find(INFERENCE_SERVICES, self.namespace, self.name),
            judge,
            what=self.what,
            expected=f"revision {revision} noted as rolled out",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def _left(self) -> str:
        name = form.predictor_name(self.name)
        for cluster, resource, named in (
            (self._cluster, INFERENCE_SERVICES, self.name),
            (self._rollouts, CONFIGURATIONS, name),
            (self._rollouts, SERVICES, f"{name}-00001-private"),
        ):
            if cluster.without_retries().find(resource, self.namespace, named) is not None:
                return f"{resource.kind.lower()}/{named}"
        return ""
