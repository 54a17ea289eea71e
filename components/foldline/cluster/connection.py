"""From where this process runs to a client for its cluster."""

import os
from pathlib import Path

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from foldline.cluster.client import Cluster
from foldline.errors import ClusterError

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def connect(*, capability: str) -> Cluster:
    """A client for the cluster that this pod runs in, else for the current context of KUBECONFIG (~/.kube/config).

    Args:
        capability: what it is used for; the Role `foldline-<capability>` is named where a permission is missing.

    Raises:
        ClusterError: there is neither, or the kubeconfig cannot be used.
    """
    api, namespace = open_api()
    return Cluster(api, namespace, capability=capability)


def open_api() -> tuple[client.ApiClient, str]:
    """The same way to the API server, and the namespace of this pod or context.

    Raises:
        ClusterError: as for `connect`.
    """
    settings = client.Configuration()
    # Faults that pass are repeated in one place, for all verbs alike.
    settings.retries = False
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=settings)
            namespace = NAMESPACE_FILE.read_text().strip()
        else:
            # The library reads the variable when it is imported.
            file = os.environ.get("KUBECONFIG")
            config.load_kube_config(config_file=file, client_configuration=settings)
            current = config.list_kube_config_contexts(config_file=file)[1]
            namespace = current["context"].get("namespace") or "default"
    except (config.ConfigException, OSError, ValueError, TypeError, KeyError, HTTPError) as fault:
        raise ClusterError(
            "connection to Kubernetes",
            expected="a pod with a service account's token, or a kubeconfig (KUBECONFIG) with a current context",
            got=str(fault)[:400],
        ) from fault
    return client.ApiClient(settings), namespace
