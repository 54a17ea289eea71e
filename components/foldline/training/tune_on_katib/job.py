"""The Job that is one trial: plain words for a command, and a pod that may do little."""

from typing import Any

from foldline.training.tune_on_katib.options import S3_SECRET, Options, Placement

CONTAINER = "trial"
PROGRAM = "foldline.training.tune_on_katib.trial"
COLLECTOR = "metricscollector"
TRIAL = "trial"
# A search without a limit for its trials still ends.
LONGEST_TRIAL_S = 86_400
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "FOLDLINE_S3_ENDPOINT")
_INPUTS, _TEMPORARY, _SHARED, _CACHE = "/inputs", "/tmp", "/dev/shm", "/var/cache/foldline"
_USER = 65_532


def placeholder(name: str) -> str:
    """What Katib replaces by the value of a trial's parameter."""
    return f"${{trialParameters.{name}}}"


def job(folder: str, names: tuple[str, ...], options: Options, placement: Placement, trial_s: float) -> dict[str, Any]:
    """The Job of a trial, without a name.

    Args:
        folder: address of the search in the bucket.
        names: of the trial's parameters, which become words `--name=value`.
        trial_s: seconds after which the trial is ended; 0 for no limit of its own.
    """
    words = [f"--search={folder}", f"--inputs={_INPUTS}", f"--name={placeholder(TRIAL)}", f"--collector={COLLECTOR}"]
    words += [f"--{name}={placeholder(name)}" for name in names]
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": options.image,
        "command": ["python", "-m", PROGRAM, *words],
        "env": [
            *({"name": key, "valueFrom": {"secretKeyRef": _key(key)}} for key in _KEYS),
            {"name": "HOME", "value": _TEMPORARY},
        ],
        "resources": _resources(options, placement),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": "inputs", "mountPath": _INPUTS},
            {"name": "temporary", "mountPath": _TEMPORARY},
            {"name": "shared-memory", "mountPath": _SHARED},
        ],
    }
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [
            {"name": "inputs", "emptyDir": {}},
            {"name": "temporary", "emptyDir": {}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": options.shared_memory}},
        ],
    }
    if options.cache_claim:
        container["env"].append({"name": "FOLDLINE_CACHE", "value": _CACHE})
        container["volumeMounts"].append({"name": "cache", "mountPath": _CACHE})
        pod["volumes"].append({"name": "cache", "persistentVolumeClaim": {"claimName": options.cache_claim}})
    if options.service_account:
        pod["serviceAccountName"] = options.service_account
    if placement.node_selector:
        pod["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        pod["tolerations"] = [dict(one) for one in placement.tolerations]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "spec": {
            # A pod that fails is a trial that failed, not one to be tried again.
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(trial_s) or LONGEST_TRIAL_S,
            "template": {
                # Istio looks at a label of the pod, and a sidecar would keep the Job from ending.
                "metadata": {"labels": {"sidecar.istio.io/inject": "false", "app.kubernetes.io/part-of": "foldline"}},
                "spec": pod,
            },
        },
    }


def _key(name: str) -> dict[str, Any]:
    return {"name": S3_SECRET, "key": name, "optional": True}


def _resources(options: Options, placement: Placement) -> dict[str, Any]:
    limits = {"memory": options.memory}
    if placement.accelerator_count:
        limits[placement.accelerator_type] = str(placement.accelerator_count)
    return {"requests": {"cpu": options.cpu, "memory": options.memory}, "limits": limits}
