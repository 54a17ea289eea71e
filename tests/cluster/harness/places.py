"""Where the cluster keeps its files, and the addresses that it has inside its network namespace."""

import os
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("FOLDLINE_CLUSTER_HOME") or Path.home() / ".cache" / "foldline" / "cluster")
# Built once and kept.
BIN, IMAGES, ROOTS = HOME / "bin", HOME / "images", HOME / "roots"
# The environment of KServe's model server in Python.
MODEL_SERVER = HOME / "kserve-python"
# Of the running cluster; `down` removes it.
RUN = HOME / "run"
PIDS, LOGS, DATA, KEYS, SETTINGS = RUN / "pids", RUN / "logs", RUN / "data", RUN / "keys", RUN / "settings"
KUBECONFIG = RUN / "kubeconfig"
SOCKET = RUN / "containerd.sock"
LEVEL = RUN / "level"
# Pods that Prometheus scrapes, by the tests that make them: one file of its file discovery each.
TARGETS = RUN / "targets"

NAMESPACE = "foldline"
CGROUP = "/foldline"
NODE, NODE_ADDRESS = "foldline", "10.250.0.1"
POD_RANGE, NODE_POD_RANGE, SERVICE_RANGE = "10.244.0.0/16", "10.244.0.0/24", "10.96.0.0/16"
API_SERVICE, DNS_SERVICE = "10.96.0.1", "10.96.0.10"
PATH = f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/cni"
