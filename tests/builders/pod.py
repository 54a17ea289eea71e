"""Runs a command as a pod, under the limits that Kubeflow Pipelines gives its pods and a read-only root besides.

    python tests/builders/pod.py NAMESPACE IMAGE FOLDER -- COMMAND...

FOLDER is mounted at the same path. The pod's log goes to standard output, and the exit status is that of the command.
"""

import json
import subprocess
import sys
import time
import uuid
from typing import Any

END_S = 400.0
POLL_S = 0.5
# Where Kubeflow Pipelines mounts an emptyDir in each of its pods; the components' own scratch folder comes to them.
SCRATCH = ("/gcs", "/s3", "/minio", "/.local", "/.cache", "/.config", "/tmp")


def manifest(name: str, image: str, folder: str, command: list[str]) -> dict[str, Any]:
    """The pod that runs `command` in `image`, with the node's `folder` mounted."""
    volumes = [{"name": f"scratch-{number}", "emptyDir": {}} for number in range(len(SCRATCH))]
    mounts = [{"name": f"scratch-{number}", "mountPath": path} for number, path in enumerate(SCRATCH)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [*volumes, {"name": "folder", "hostPath": {"path": folder, "type": "Directory"}}],
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": command,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "volumeMounts": [*mounts, {"name": "folder", "mountPath": folder}],
                }
            ],
        },
    }


def main() -> int:
    namespace, image, folder = sys.argv[1:4]
    name = f"task-{uuid.uuid4().hex[:8]}"
    kubectl = ["kubectl", "--namespace", namespace]
    pod = json.dumps(manifest(name, image, folder, sys.argv[5:]))
    subprocess.run([*kubectl, "create", "--filename", "-"], input=pod, text=True, check=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + END_S
    while True:
        told = subprocess.run([*kubectl, "get", "pod", name, "--output", "json"], stdout=subprocess.PIPE, check=True)
        status = json.loads(told.stdout)["status"]
        if status.get("phase") in ("Succeeded", "Failed"):
            break
        if time.monotonic() > deadline:
            sys.exit(f"pod/{name} has not ended after {END_S:.0f} s; last seen: {json.dumps(status)}")
        time.sleep(POLL_S)
    subprocess.run([*kubectl, "logs", name], check=True)
    return int(status["containerStatuses"][0]["state"]["terminated"]["exitCode"])


if __name__ == "__main__":
    sys.exit(main())
