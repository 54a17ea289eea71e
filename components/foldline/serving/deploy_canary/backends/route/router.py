"""The HTTPRoute of one model: read, changed, and seen to be what the gateway does."""

import time
from collections.abc import Callable

from foldline.cluster import GATEWAYS, HTTP_ROUTES, Cluster, Object
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.inference_service import is_ours
from foldline.serving.deploy_canary.backends.route import endpoints, form
from foldline.serving.deploy_canary.backends.route import gateway as gateways
from foldline.serving.deploy_canary.backends.route.endpoints import Behind
from foldline.serving.deploy_canary.backends.route.form import Shares
from foldline.serving.deploy_canary.backends.route.gateway import Gateway
from foldline.serving.deploy_canary.backends.route.users import ALIKE, POLL_S, look
from foldline.serving.deploy_canary.metrics.profiles import ENVOY, Profile
from foldline.waiting import Done, Failed, Outcome, Pending, wait_until


class Router:
    """One HTTPRoute on one Gateway.

    Args:
        cluster: its Role is `foldline-rollouts`.
        hostname: that users ask; empty for `<model>.<namespace>.<domain of the listener>`.
        profile: how the requests of its backendRefs are counted.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        model_name: str,
        gateway: Gateway,
        *,
        hostname: str = "",
        profile: Profile = ENVOY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster, self.namespace, self.gateway, self._profile = cluster, namespace, gateway, profile
        self.name = form.route_name(model_name)
        self.hostname = hostname or f"{model_name}.{namespace}.{gateway.domain}"
        self._clock = clock

    @property
    def what(self) -> str:
        """The object as messages name it."""
        return f"httproute/{self.name} in namespace {self.namespace}"

    def find(self) -> Object | None:
        """The route, or None where there is none.

        Raises:
            ServingError: there is one that Foldline did not make.
        """
        found = self._cluster.find(HTTP_ROUTES, self.namespace, self.name)
        if found is not None and not is_ours(found):
            raise ServingError(
                self.what,
                expected="none, or one that Foldline made (label app.kubernetes.io/managed-by: foldline)",
                got="one that somebody else made",
                fix="Remove it, or give the model another name.",
            )
        return found

    def shares(self) -> Shares | None:
        """What the route does now; None where there is none."""
        found = self.find()
        return None if found is None else form.shares_of(found)

    def missing(self) -> ServingError:
        """The error for a route that is not there."""
        return ServingError(self.what, expected="a route that exists", got="none", fix="Run it again: it makes one.")

    def put(self, shares: Shares) -> Shares | None:
        """Let the route be so, made where there is none; what it was before.

        Raises:
            ServingError: the API server does not keep what was asked, as one with an older Gateway API may do.
        """
        found = self.find()
        before = None if found is None else form.shares_of(found)
        if found is None:
            body = form.build(self.name, self.namespace, self.gateway, self.hostname, shares, self._clock())
            kept = self._cluster.create(HTTP_ROUTES, self.namespace, body)
        else:
            kept = self._cluster.edit(HTTP_ROUTES, self.namespace, self.name, lambda now: self._patch(now, shares))
        if form.shares_of(kept) != shares:
            raise ServingError(self.what, expected=f"kept as {shares}", got=str(form.shares_of(kept)))
        return before

    def confirm(self, shares: Shares, timeout_s: float) -> None:
        """Wait until the controller has accepted the route as it is, and the gateway answers by it.

        Raises:
            ServingError: it will not, or does not within `timeout_s`; with the words of the condition.
        """
        once = self._cluster.without_retries()

        def judge(route: Object | None) -> Outcome:
            if route is not None and form.shares_of(route) != shares:
                return Failed(f"somebody changed it to {form.shares_of(route)}")
            outcome = form.judge(route, self.gateway)
            return outcome if not isinstance(outcome, Done) else self._answers(shares)

        wait_until(
            lambda: once.find(HTTP_ROUTES, self.namespace, self.name),
            judge,
            what=f"{self.what} on gateway {self.gateway}",
            expected=f"in force as {shares}",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def seen(self, shares: Shares, timeout_s: float) -> bool:
        """Whether the gateway answers by these shares within `timeout_s`, whatever the conditions say."""
        started = time.monotonic()
        while not isinstance(self._answers(shares), Done):
            if time.monotonic() - started > timeout_s:
                return False
            time.sleep(POLL_S)
        return True

    def wait_endpoints(self, arm: str, timeout_s: float) -> None:
        """Wait until requests to the arm would reach somebody.

        Raises:
            ServingError: its Service has no ready endpoint within `timeout_s`.
        """
        once = self._cluster.without_retries()
        service = f"{arm}{form.PREDICTOR}"
        wait_until(
            lambda: endpoints.fetch(once, self.namespace, service),
            endpoints.judge,
            what=f"service/{service} in namespace {self.namespace}",
            expected="a ready endpoint",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def behind(self, shares: Shares) -> dict[str, Behind]:
        """What is behind each InferenceService that the route reaches."""
        return {arm: endpoints.fetch(self._cluster, self.namespace, f"{arm}{form.PREDICTOR}") for arm in shares.reached}

    def trouble(self, route: Object, behind: dict[str, Behind]) -> str:
        """Why requests may reach no arm, in words; empty where they all do."""
        outcome = form.judge(route, self.gateway)
        words = [] if isinstance(outcome, Done) else [f"{self.what}: {outcome.state}"]
        for arm in form.shares_of(route).names:
            reached = endpoints.judge(behind[arm])
            words += [] if isinstance(reached, Done) else [f"service/{arm}{form.PREDICTOR}: {reached.state}"]
        return "; ".join(words)

    def is_alone(self) -> bool:
        """Whether no other route hangs on the gateway's listener, so that its errors are this route's."""
        found = self._cluster.find(GATEWAYS, self.gateway.namespace, self.gateway.name)
        return found is not None and gateways.read(found, self.namespace).routes == 1

    def counted_as(self, shares: Shares, arm: str) -> list[str]:
        """Names under which the router counts the requests of the arm."""
        if self._profile is not ENVOY:
            return [f"{arm}{form.PREDICTOR}"] if arm in shares.reached else []
        rule = f"httproute/{self.namespace}/{self.name}/rule/0"
        names = [f"{rule}/backend/{position}" for position, name in enumerate(shares.names) if name == arm]
        return [*names, *([f"{rule}-mirror-0"] if shares.mirror == arm else [])]

    def remove(self, timeout_s: float) -> None:
        """Delete the route where Foldline made it, and wait until the gateway has forgotten it."""
        if self.find() is None:
            return
        self._cluster.delete(HTTP_ROUTES, self.namespace, self.name)
        once = self._cluster.without_retries()

        def judge(found: Object | None) -> Outcome:
            if found is not None:
                return Pending(f"kept by its finalizers {found['metadata'].get('finalizers')}")
            answer = look(self.gateway, self.hostname)
            return Done() if not answer.split else Pending(f"the gateway still answers by it: {answer}")

        wait_until(
            lambda: once.find(HTTP_ROUTES, self.namespace, self.name),
            judge,
            what=self.what,
            expected="to be deleted",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def _patch(self, found: Object, shares: Shares) -> Object | None:
        now = form.shares_of(found)
        changed = (now.names, now.mirror) != (shares.names, shares.mirror)
        since = self._clock() if changed else form.since_of(found)
        wanted = form.build(self.name, self.namespace, self.gateway, self.hostname, shares, since)
        if now == shares and form.counts_apart(found) and found["spec"].get("hostnames") == [self.hostname]:
            return None
        return {"metadata": {"annotations": wanted["metadata"]["annotations"]}, "spec": wanted["spec"]}

    def _answers(self, shares: Shares) -> Outcome:
        for _ in range(ALIKE):
            answer = look(self.gateway, self.hostname)
            if answer.split != str(shares):
                return Pending(f"the gateway answers at {self.gateway.address}:{self.gateway.port}: {answer}")
        return Done()
