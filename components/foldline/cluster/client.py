"""Requests to the API server, repeated while their faults are of the kind that passes."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from foldline.cluster.faults import NOT_FOUND, is_absent, is_taken, passes, pause_asked, refusal, unanswered
from foldline.cluster.resources import PODS, Object, Request, Resource
from foldline.errors import ClusterError

RETRY_S = 45.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
REQUEST_TIMEOUT_S = (5.0, 30.0)
EDITS = 10
LOG_LINES = 20
_MERGE = "application/merge-patch+json"


class Cluster:
    """Objects of one cluster; a fault that passes (no connection, 429, 5xx) is repeated for `retry_s` seconds.

    Attributes:
        namespace: the one that this process belongs to.

    Every method raises ClusterError for what the API server refuses (its words are kept) and where it does not answer.
    """

    def __init__(
        self,
        api: ApiClient,
        namespace: str,
        *,
        capability: str,
        retry_s: float = RETRY_S,
        guard: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.namespace = namespace
        self._api = api
        self._guard = guard
        self._capability = capability
        self._retry_s = retry_s
        self._clock, self._sleep = clock, sleep
        # Tells an object that a lost request has made from one that was there before.
        self._field_manager = f"foldline-{uuid.uuid4().hex[:12]}"

    def without_retries(self) -> "Cluster":
        """The same, for a loop that asks again by itself."""
        return Cluster(self._api, self.namespace, capability=self._capability, retry_s=0.0, guard=self._guard)

    def granted_by(self, capability: str) -> "Cluster":
        """The same, for requests that the Role `foldline-<capability>` grants."""
        return Cluster(self._api, self.namespace, capability=capability, retry_s=self._retry_s, guard=self._guard)

    def guarded(self, guard: Callable[[], None]) -> "Cluster":
        """The same, which calls `guard` before each write; what that raises keeps the write from being made."""
        return Cluster(self._api, self.namespace, capability=self._capability, retry_s=self._retry_s, guard=guard)

    def serves(self, resource: Resource) -> bool:
        """Whether the API server knows this kind of object; every account may ask that."""
        request = Request("get", resource, "", "", self._capability)
        try:
            found = self._object(request, "GET", path=f"/apis/{resource.group}/{resource.version}")
        except _RefusedError as fault:
            if fault.answer.status == NOT_FOUND:
                return False
            raise refusal(fault.answer, request) from fault.answer
        return any(entry["name"] == resource.plural for entry in found["resources"])

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object, or None where there is none of this name."""
        request = Request("get", resource, namespace, name, self._capability)
        try:
            return self._object(request, "GET")
        except _RefusedError as fault:
            if is_absent(fault.answer):
                return None
            raise refusal(fault.answer, request) from fault.answer

    def select(self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "") -> list[Object]:
        """The objects that both selectors choose; of all namespaces where `namespace` is empty."""
        request = Request("list", resource, namespace, "", self._capability)
        query = {"labelSelector": labels, "fieldSelector": fields}
        try:
            found = self._object(request, "GET", query={key: value for key, value in query.items() if value})
        except _RefusedError as fault:
            raise refusal(fault.answer, request) from fault.answer
        return list(found["items"])

    def create(self, resource: Resource, namespace: str, body: Object, *, dry_run: bool = False) -> Object:
        """Create the object and give it as the server stored it; with `dry_run`, only let the server check it."""
        request = Request("create", resource, namespace, body["metadata"]["name"], self._capability)
        query = {"fieldManager": self._field_manager, **({"dryRun": "All"} if dry_run else {})}
        try:
            return self._object(request, "POST", query=query, body=body)
        except _RefusedError as fault:
            if fault.attempts > 1 and is_taken(fault.answer):
                found = self.find(resource, namespace, request.name)
                if found is not None and self._made(found):
                    return found
            raise refusal(fault.answer, request) from fault.answer

    def edit(self, resource: Resource, namespace: str, name: str, change: Callable[[Object], Object | None]) -> Object:
        """Merge into the object what `change` makes of it (null removes a field; None leaves all as it is).

        The object is read again, and `change` called again, when somebody else wrote it meanwhile.
        """
        request = Request("patch", resource, namespace, name, self._capability)
        for attempt in range(EDITS):
            found = self.find(resource, namespace, name)
            if found is None:
                raise ClusterError(request.subject, expected="an object that exists", got="no such object")
            patch = change(found)
            if patch is None:
                return found
            seen = {"resourceVersion": found["metadata"]["resourceVersion"]}
            body = {**patch, "metadata": {**patch.get("metadata", {}), **seen}}
            try:
                return self._object(request, "PATCH", query={"fieldManager": self._field_manager}, body=body)
            except _RefusedError as fault:
                if fault.answer.status != 409 or attempt == EDITS - 1:
                    raise refusal(fault.answer, request) from fault.answer
        raise AssertionError("unreachable")

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Ask for the object's deletion; one that is not there is deleted. Finalizers may keep it for a while."""
        request = Request("delete", resource, namespace, name, self._capability)
        try:
            self._object(request, "DELETE", query={"propagationPolicy": "Background"})
        except _RefusedError as fault:
            if not is_absent(fault.answer):
                raise refusal(fault.answer, request) from fault.answer

    def log(self, namespace: str, pod: str, container: str) -> list[str]:
        """The last lines of a container's log."""
        request = Request("get", PODS, namespace, pod, self._capability, "log")
        query = {"container": container, "tailLines": str(LOG_LINES)}
        try:
            return str(self._send(request, "GET", query=query, text=True) or "").splitlines()
        except _RefusedError as fault:
            raise refusal(fault.answer, request) from fault.answer

    def _object(self, request: Request, method: str, **arguments: Any) -> Object:
        found: Object = self._send(request, method, **arguments)
        return found

    def _send(
        self,
        request: Request,
        method: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        text: bool = False,
        path: str = "",
    ) -> Any:
        named = "" if request.verb in ("list", "create") else request.name
        path = path or request.resource.path(request.namespace, named, request.subresource)
        headers = {"Accept": "*/*" if text else "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = _MERGE
        started, pause, attempts = self._clock(), FIRST_PAUSE_S, 0
        while True:
            attempts += 1
            if self._guard is not None and method != "GET":
                self._guard()
            try:
                return self._api.call_api(
                    path,
                    method,
                    query_params=list((query or {}).items()),
                    header_params=dict(headers),
                    body=body,
                    response_type="str" if text else "object",
                    auth_settings=["BearerToken"],
                    _return_http_data_only=True,
                    _request_timeout=REQUEST_TIMEOUT_S,
                )
            except (ApiException, HTTPError) as fault:
                if not passes(fault):
                    raise _RefusedError(fault, attempts) from None
                wait = max(pause, pause_asked(fault))
                if self._clock() - started + wait > self._retry_s:
                    raise unanswered(fault, request, self._retry_s) from fault
                self._sleep(wait)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def _made(self, found: Object) -> bool:
        """Whether this client created the object."""
        managers = found["metadata"].get("managedFields", [])
        return any(manager.get("manager") == self._field_manager for manager in managers)


class _RefusedError(Exception):
    """An answer that will not change by itself, and how often it was asked for."""

    def __init__(self, answer: ApiException, attempts: int) -> None:
        super().__init__()
        self.answer, self.attempts = answer, attempts
