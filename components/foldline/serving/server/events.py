"""Requests and answers as CloudEvents 1.0, of the types that KServe's logger has. Pure.

Both events of a request have its identity as `id`. Their `data` is the request's JSON (raw columns) and the answer's
(predictions), in the protocol that the client spoke. The answer's extension attribute `latencyus` is the time from the
request's head to the answer in microseconds, since an attribute's numbers are whole.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
Event = dict[str, Any]


@dataclass(frozen=True)
class About:
    """Who made the events.

    Attributes:
        source: URI reference of the server.
        namespace: of Kubernetes; empty outside a cluster.
    """

    source: str
    model_name: str
    model_version: str
    namespace: str = ""


def is_sampled(identity: str, fraction: float) -> bool:
    """Whether the request belongs to the sample: a matter of its identity alone, so that every server of a request that
    is sent to two of them decides alike."""
    digest = hashlib.sha256(identity.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def pair(
    identity: str, at: float, asked: dict[str, Any], answered: dict[str, Any] | None, seconds: float, about: About
) -> tuple[Event, ...]:
    """The event of a request and, where it was answered with predictions, that of its answer.

    Args:
        at: seconds since 1970.
        asked, answered: the JSON of both.
        seconds: from the request's head to its answer.
    """
    request = _event(REQUEST, identity, at, asked, about)
    if answered is None:
        return (request,)
    return request, {"latencyus": round(1e6 * seconds), **_event(RESPONSE, identity, at, answered, about)}


def _event(kind: str, identity: str, at: float, data: dict[str, Any], about: About) -> Event:
    return {
        "specversion": "1.0",
        "type": kind,
        "id": identity,
        "source": about.source,
        "time": datetime.fromtimestamp(at, UTC).isoformat(),
        "datacontenttype": "application/json",
        "modelname": about.model_name,
        "modelversion": about.model_version,
        **({"namespace": about.namespace} if about.namespace else {}),
        "data": data,
    }
