"""Single requests of the doctor to the API server."""

from collections.abc import Mapping
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from foldline.cluster.faults import refusal, unanswered
from foldline.cluster.resources import Request, Resource
from foldline_pipelines.doctor.facts import Unknown
from foldline_pipelines.doctor.permissions import Permission

_FORBIDDEN, _NOT_FOUND = 403, 404
_TIMEOUT_S = (5.0, 30.0)
_AUTHORIZATION = "authorization.k8s.io"
_EVERYONE = "system:serviceaccounts"


class Reader:
    """Reads what may be read.

    Every method raises ClusterError where the API server does not answer or does not accept the credentials.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def find(self, path: str, what: str) -> dict[str, Any] | Unknown | None:
        """The object or list, None where there is none, and unknown where it may not be read."""
        try:
            return self._send("GET", path, _request("get", what))
        except ApiException as fault:
            if fault.status == _NOT_FOUND:
                return None
            verb = "list" if path.endswith(f"/{what}") else "get"
            return Unknown(f"no permission to {verb} {what}")

    def get(self, path: str, what: str) -> dict[str, Any]:
        """An answer that everybody may have."""
        try:
            return self._send("GET", path, _request("get", what))
        except ApiException as fault:
            raise refusal(fault, _request("get", what)) from fault

    def user(self) -> str:
        """Name of who asks."""
        group, kind = "authentication.k8s.io", "SelfSubjectReview"
        path = f"/apis/{group}/v1/selfsubjectreviews"
        try:
            answer = self._post(path, group, kind, {})
        except ApiException as fault:
            raise refusal(fault, _request("create", kind.lower())) from fault
        return str(answer["status"]["userInfo"]["username"])

    def may(self, permission: Permission, verb: str, namespace: str, account: str) -> bool | Unknown:
        """Whether a service account of the namespace, or with none who asks, may do this there."""
        spec: dict[str, Any] = {
            "resourceAttributes": {
                "namespace": namespace,
                "verb": verb,
                "group": permission.group,
                "resource": permission.resource,
                "subresource": permission.subresource,
            }
        }
        kind, metadata = "SelfSubjectAccessReview", {}
        path = f"/apis/{_AUTHORIZATION}/v1/selfsubjectaccessreviews"
        if account:
            # The form for one namespace, which its administrators may make too.
            kind, metadata = "LocalSubjectAccessReview", {"namespace": namespace}
            path = f"/apis/{_AUTHORIZATION}/v1/namespaces/{namespace}/localsubjectaccessreviews"
            spec["user"] = f"system:serviceaccount:{namespace}:{account}"
            spec["groups"] = [_EVERYONE, f"{_EVERYONE}:{namespace}", "system:authenticated"]
        try:
            answer = self._post(path, _AUTHORIZATION, kind, {"metadata": metadata, "spec": spec})
        except ApiException:
            return Unknown(f"no permission to create {kind.lower()}s.{_AUTHORIZATION} in namespace {namespace}")
        return bool(answer["status"]["allowed"])

    def _post(self, path: str, group: str, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        content = {"apiVersion": f"{group}/v1", "kind": kind, **body}
        return self._send("POST", path, _request("create", kind.lower()), content)

    def _send(self, method: str, path: str, request: Request, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer; ApiException where it is forbidden or not there."""
        try:
            found: dict[str, Any] = self._api.call_api(
                path,
                method,
                header_params={"Accept": "application/json"},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT_S,
            )
        except HTTPError as fault:
            raise unanswered(fault, request, 0.0) from fault
        except ApiException as fault:
            if fault.status in (_FORBIDDEN, _NOT_FOUND):
                raise
            raise refusal(fault, request) from fault
        return found


def _request(verb: str, what: str) -> Request:
    return Request(verb, Resource("", "v1", what, what), "", "", "doctor")
