"""What a task asks of a cluster: accelerators and nodes, keys and addresses of Secrets, memory to share, time."""

from kfp import dsl, kubernetes

S3_SECRET = "foldline-s3"
S3_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "FOLDLINE_S3_ENDPOINT")
ALERT_SECRET = "foldline-alerts"
# What the parameter `alerts` can name as url_env.
ALERT_KEYS = ("FOLDLINE_WEBHOOK_URL", "FOLDLINE_CLOUDEVENTS_URL")
SHARED_MEMORY = "shared-memory"
_SHARED_MEMORY_SIZE = "2Gi"
_HOUR_S = 3600


def on_accelerator(
    task: dsl.PipelineTask, accelerator_type: str, accelerator_count: str, node_selector: dict, tolerations: list
) -> None:
    """Ask for accelerators, nodes and tolerations; each argument may be a pipeline parameter.

    The count is text: from a parameter that is a number KFP 2.17 reads an empty count, and asks for none.
    """
    task.set_accelerator_type(accelerator_type).set_accelerator_limit(accelerator_count)
    kubernetes.add_node_selector_json(task, node_selector)
    kubernetes.add_toleration_json(task, tolerations)
    kubernetes.empty_dir_mount(task, SHARED_MEMORY, "/dev/shm", medium="Memory", size_limit=_SHARED_MEMORY_SIZE)


def with_object_store(task: dsl.PipelineTask) -> None:
    """Give the keys of the Secret `foldline-s3` to the task; it starts without them where there is no such Secret."""
    kubernetes.use_secret_as_env(task, S3_SECRET, {key: key for key in S3_KEYS}, optional=True)


def with_alerts(task: dsl.PipelineTask) -> None:
    """Give the addresses in the Secret `foldline-alerts` to the task; it starts without them where there is none."""
    kubernetes.use_secret_as_env(task, ALERT_SECRET, {key: key for key in ALERT_KEYS}, optional=True)


def with_pipelines(task: dsl.PipelineTask) -> None:
    """Let the task call Kubeflow Pipelines where users are apart: the label that a profile's PodDefault goes by."""
    kubernetes.add_pod_label(task, "access-ml-pipeline", "true")


def within_hours(task: dsl.PipelineTask, hours: int) -> None:
    """End the task's pod when it has not ended by then; the pull of its image counts."""
    kubernetes.set_timeout(task, hours * _HOUR_S)
