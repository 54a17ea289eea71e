"""Which run and task this process is, so that one that runs again takes up the Experiment of the first."""

import os
import re

from foldline.cluster import PODS, Cluster

RUN = "pipeline/runid"
NODE = "workflows.argoproj.io/node-name"
_ATTEMPT = re.compile(r"\(\d+\)")


def run_and_task(cluster: Cluster) -> tuple[str, str] | None:
    """Run and task that Kubeflow Pipelines started this pod for, the same in each attempt; None outside of it."""
    name = os.environ.get("KFP_POD_NAME") or os.environ.get("HOSTNAME", "")
    if not name or "KUBERNETES_SERVICE_HOST" not in os.environ:
        return None
    for pod in cluster.select(PODS, cluster.namespace, fields=f"metadata.name={name}"):
        run = (pod["metadata"].get("labels") or {}).get(RUN, "")
        node = (pod["metadata"].get("annotations") or {}).get(NODE, "")
        if run:
            return run, _ATTEMPT.sub("", node).partition(".")[2]
    return None
