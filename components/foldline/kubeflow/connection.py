"""The way to Kubeflow Pipelines: endpoint, namespace and token, found as the `kfp` client finds them."""

import contextlib
import io
import json
import os
import warnings
from dataclasses import dataclass
from typing import Any

import kfp
import kfp_server_api
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

from foldline.errors import ArgumentError, RunError
from foldline.kubeflow.faults import asking, message, without_user

REQUEST_S = 60.0
_ITSELF = "Kubeflow Pipelines"
_NO_CLUSTER = "Failed to load kube config"
_TOKEN_FILE = "KF_PIPELINES_SA_TOKEN_PATH"


@dataclass(frozen=True)
class Connection:
    """Kubeflow Pipelines as one person reaches it.

    Args:
        endpoint: address of the API.
        ui: what stands before `/#/` in the addresses of the UI.
        namespace: the person's own namespace; None where Kubeflow has no users.
        client: carries the login.
    """

    endpoint: str
    ui: str
    namespace: str | None
    client: kfp_server_api.ApiClient

    @property
    def scope(self) -> dict[str, str]:
        """The namespace, for calls that take one."""
        return {"namespace": self.namespace} if self.namespace else {}

    @property
    def pipelines(self) -> Any:
        return kfp_server_api.PipelineServiceApi(self.client)

    @property
    def uploads(self) -> Any:
        return kfp_server_api.PipelineUploadServiceApi(self.client)

    @property
    def experiments(self) -> Any:
        return kfp_server_api.ExperimentServiceApi(self.client)

    @property
    def runs(self) -> Any:
        return kfp_server_api.RunServiceApi(self.client)

    @property
    def recurring_runs(self) -> Any:
        return kfp_server_api.RecurringRunServiceApi(self.client)

    def ask(self, what: str, call: Any, *arguments: Any, **options: Any) -> Any:
        """The answer of one call of the API about `what` (`kind/name`).

        Raises:
            RunError: nothing answers, or the server refuses.
        """
        with asking(what, self.endpoint):
            return call(*arguments, **options, _request_timeout=REQUEST_S)

    def text(self, what: str, path: str) -> str:
        """The body at a path that the generated client does not know.

        Raises:
            RunError: nothing answers, or the server refuses.
        """
        with asking(what, self.endpoint):
            answer = self.client.call_api(
                path,
                "GET",
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=REQUEST_S,
            )
        return str(answer.data.decode(errors="replace"))


def connect(endpoint: str = "", namespace: str = "kubeflow") -> Connection:
    """A connection that has been tried.

    Args:
        endpoint: address of Kubeflow Pipelines; empty takes what `kfp.Client()` would.
        namespace: as kfp takes it: of Kubeflow itself inside a cluster, else the person's own where Kubeflow has users.

    Raises:
        ArgumentError: there is no endpoint, no token in the file that should hold it, or no namespace of a person.
        RunError: nothing answers there, or something else than Kubeflow Pipelines.
    """
    credentials = ServiceAccountTokenVolumeCredentials() if os.environ.get(_TOKEN_FILE) else None
    said = io.StringIO()
    asked = endpoint or os.environ.get("KF_PIPELINES_ENDPOINT", "")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), asking(_ITSELF, asked or "the cluster"):
            warnings.simplefilter("ignore")
            found = _Client(host=endpoint or None, namespace=namespace, credentials=credentials)
    except OSError as fault:
        got = f"{fault.strerror}: {fault.filename}"
        raise ArgumentError(_TOKEN_FILE, expected="a file that holds a token", got=got) from fault
    except RunError:
        if _NO_CLUSTER in said.getvalue():
            raise _no_endpoint() from None
        raise
    if _NO_CLUSTER in said.getvalue():
        raise _no_endpoint()
    client = found._run_api.api_client
    own = found.get_user_namespace() or None
    connection = Connection(client.configuration.host, found._get_url_prefix().rstrip("/"), own, client)
    if _health(connection).get("multi_user") and own is None:
        raise ArgumentError(
            "namespace",
            expected="a namespace of yours, since this Kubeflow has users",
            got="none",
        )
    return connection


def _no_endpoint() -> ArgumentError:
    return ArgumentError(
        "endpoint",
        expected="the address of Kubeflow Pipelines",
        got="none, and neither a pod of its cluster nor a kubeconfig",
        fix="Give one, or set KF_PIPELINES_ENDPOINT, such as http://localhost:8080.",
    )


class _Client(kfp.Client):  # type: ignore[misc]
    """The client of kfp, which otherwise asks an endpoint that refuses five times, with pauses and stack traces.

    It also writes the namespace of its pod into the home folder, which the images have none of.
    """

    def set_user_namespace(self, namespace: str) -> None:
        self._context_setting["namespace"] = namespace.strip()

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        return self._healthz_api.healthz_service_get_healthz(_request_timeout=REQUEST_S)


def _health(connection: Connection) -> dict[str, Any]:
    """What the server says of itself.

    Raises:
        RunError: it is no Kubeflow Pipelines, such as a page that asks for a login.
    """
    text = connection.text(_ITSELF, "/apis/v2beta1/healthz")
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise RunError(
            f"{_ITSELF} at {without_user(connection.endpoint)}",
            expected="its health as JSON",
            got=message(text)[:200] or "nothing",
            fix="Give the address of its UI or of the service ml-pipeline; a page may be asking for a login.",
        )
    return content
