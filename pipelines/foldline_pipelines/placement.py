"""Where a task runs on a cluster, as parameters of the run."""

from kfp import dsl, kubernetes


def on_accelerator(
    task: dsl.PipelineTask, accelerator_type: str, accelerator_count: int, node_selector: dict, tolerations: list
) -> None:
    """Ask for accelerators, nodes and tolerations; each argument may be a pipeline parameter."""
    task.set_accelerator_type(accelerator_type).set_accelerator_limit(accelerator_count)
    kubernetes.add_node_selector_json(task, node_selector)
    kubernetes.add_toleration_json(task, tolerations)
