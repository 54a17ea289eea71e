"""What Kubeflow Pipelines refuses, in one line."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import kfp_server_api
import urllib3

from foldline.errors import RunError

_LONGEST = 600
_PORT_FORWARD = "kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80, then the endpoint http://localhost:8080"


@contextmanager
def asking(what: str, endpoint: str) -> Iterator[None]:
    """A block that calls the API at `endpoint`; `what` is the object that it is about (`kind/name`).

    Raises:
        RunError: nothing answers at the endpoint, or the server refuses; holds the server's own message.
    """
    try:
        yield
    except kfp_server_api.ApiException as fault:
        raise refused(what, endpoint, fault.status or 0, message(fault.body or fault.reason or "")) from fault
    except urllib3.exceptions.HTTPError as fault:
        raise unreachable(endpoint, fault) from fault


def unreachable(endpoint: str, fault: Exception) -> RunError:
    """Nothing answered."""
    reason = getattr(fault, "reason", None) or fault
    text = re.sub(r".*\[Errno -?\d+\] ", "", " ".join(str(reason).split())).strip("() ")
    return RunError(
        f"Kubeflow Pipelines at {without_user(endpoint)}",
        expected="an answer",
        got=text[:_LONGEST],
        fix=f"Check the endpoint (KF_PIPELINES_ENDPOINT); to reach a cluster from outside: {_PORT_FORWARD}.",
    )


def refused(what: str, endpoint: str, status: int, text: str) -> RunError:
    """The server answered with an error status."""
    place = without_user(endpoint)
    got = f"{status} from {place}: {text}" if text else f"{status} from {place}"
    if status == 401:
        fix = "Log in again; a token is read from the file that KF_PIPELINES_SA_TOKEN_PATH names, a cookie by kfp."
        return RunError(what, expected="a valid login", got=got, fix=fix)
    if status == 403:
        fix = "Name a namespace of yours, or have the Role foldline-runs bound to the account there."
        return RunError(what, expected="the right to do this", got=got, fix=fix)
    if status == 404 and not text.startswith("{") and "page not found" in text.lower():
        fix = "The endpoint is the address of the UI or of the service ml-pipeline, without a path of an API."
        return RunError(what, expected="the API of Kubeflow Pipelines 2", got=got, fix=fix)
    if status == 404:
        return RunError(what, expected="an object that exists", got=got)
    return RunError(what, expected="Kubeflow Pipelines to accept it", got=got)


def message(body: str | bytes) -> str:
    """The server's own words in the body of an error: one line, without markup."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = {}
    if isinstance(content, dict):
        text = str(content.get("message") or content.get("error_message") or content.get("error") or text)
    # The server appends stacks of its own calls: a frame is a name without blanks and a line that begins with a tab.
    lines = text.splitlines()
    told = [lines[0], *(one for one in lines[1:] if " " in one and not one.startswith("\t"))] if lines else []
    line = " ".join(re.sub(r"<[^>]*>", " ", " ".join(told)).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def without_user(endpoint: str) -> str:
    """An address without the user and password that it may hold."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
