"""What the API server's refusals mean, in words that name the cure."""

import json
import re
from typing import Any

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from foldline.cluster.resources import Request
from foldline.errors import ClusterError

NOT_FOUND, CONFLICT, TOO_MANY = 404, 409, 429
_DENIED = re.compile(r'User "(?P<user>[^"]*)" cannot \w+ resource')
_SERVICE_ACCOUNT = "system:serviceaccount:"


class UnansweredError(ClusterError):
    """The API server did not answer, or only with faults that pass by themselves."""


def passes(fault: ApiException | HTTPError) -> bool:
    """Whether the same request may go well a little later."""
    if isinstance(fault, HTTPError):
        return True
    if fault.status == 0:
        return "CERTIFICATE_VERIFY_FAILED" not in str(fault.reason)
    return bool(fault.status == TOO_MANY or fault.status >= 500)


def pause_asked(fault: ApiException | HTTPError) -> float:
    """Seconds that the server asks to wait (`Retry-After`); 0 where it asks nothing."""
    asked = (getattr(fault, "headers", None) or {}).get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


def is_absent(fault: ApiException) -> bool:
    """Whether it is only the named object that is not there, not its namespace nor its API group."""
    details = _status(fault).get("details") or {}
    return bool(fault.status == NOT_FOUND and details.get("name") and details.get("kind") != "namespaces")


def is_taken(fault: ApiException) -> bool:
    """Whether an object of this name exists already."""
    return fault.status == CONFLICT and _status(fault).get("reason") == "AlreadyExists"


def unanswered(fault: ApiException | HTTPError, request: Request, seconds: float) -> UnansweredError:
    """The error for a fault that did not pass within `seconds`."""
    last = sentence(fault) if isinstance(fault, ApiException) else f"{type(fault).__name__}: {fault}"
    return UnansweredError(
        f"Kubernetes API ({request.verb} {request.subject})",
        expected=f"an answer within {seconds:g} s" if seconds else "an answer",
        got=last[:400],
    )


def refusal(fault: ApiException, request: Request) -> ClusterError:
    """The error for an answer that will not change by itself."""
    said = sentence(fault)
    denied = _DENIED.search(said)
    if fault.status == 403 and denied:
        return _denial(denied["user"], said, request)
    if fault.status == NOT_FOUND:
        return _absence(fault, said, request)
    if fault.status == 401:
        return ClusterError(
            f"Kubernetes API ({request.verb} {request.subject})",
            expected="credentials that the API server accepts",
            got=said,
            fix="Renew the token or certificate of the kubeconfig, or the pod's service account.",
        )
    if fault.status == 0:
        return ClusterError(
            f"Kubernetes API ({request.verb} {request.subject})",
            expected="a certificate that the authority of the kubeconfig has signed",
            got=said,
        )
    return ClusterError(
        request.subject,
        expected=f"that the API server does {request.verb} it",
        got=f"status {fault.status}: {said}",
    )


def sentence(fault: ApiException) -> str:
    """What the API server, or a webhook behind it, said."""
    said = _status(fault).get("message") or fault.body or fault.reason or f"status {fault.status}"
    return " ".join(str(said).split())


def _denial(user: str, said: str, request: Request) -> ClusterError:
    role = f"foldline-{request.capability}"
    account = user.removeprefix(_SERVICE_ACCOUNT).replace(":", "/")
    who = f"service account {account}" if user.startswith(_SERVICE_ACCOUNT) else f"user {user}"
    resource, _, group = request.resource.qualified.partition(".")
    full = f"{resource}/{request.subresource}" if request.subresource else resource
    place = f"namespace {request.namespace}" if request.namespace else "all namespaces"
    cure = f"Apply the Role {role} in {place} and bind it to {who} (manifests/base)."
    return ClusterError(
        f"permission to {request.verb} {full}{f'.{group}' if group else ''} in {place}",
        expected=f"granted to {who}",
        got=f"denied: {said}",
        fix=cure if request.namespace else "Name the one that is meant: no Role of Foldline's reaches all namespaces.",
    )


def _absence(fault: ApiException, said: str, request: Request) -> ClusterError:
    details = _status(fault).get("details") or {}
    if details.get("kind") == "namespaces":
        return ClusterError(f"namespace {request.namespace}", expected="a namespace that exists", got=said)
    if details.get("name"):
        return ClusterError(request.subject, expected="an object that exists", got=said)
    resource = request.resource
    return ClusterError(
        f"API {resource.api_version} of the cluster",
        expected=f"{resource.plural}, which {resource.product} brings",
        got=f"none: {said}",
        fix=f"{resource.product} is not installed in this cluster, or in a version without this API.",
    )


def _status(fault: ApiException) -> dict[str, Any]:
    """The API server's Status object; empty where the answer is none."""
    try:
        content = json.loads(fault.body or "")
    except ValueError:
        return {}
    return content if isinstance(content, dict) and content.get("kind") == "Status" else {}
