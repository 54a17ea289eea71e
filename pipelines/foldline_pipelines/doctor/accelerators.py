"""GPU nodes, and the arguments that place training on them."""

import json
from typing import Any

from foldline_pipelines.doctor.facts import Facts, Node, Unknown
from foldline_pipelines.doctor.findings import Finding, Status

USUAL = "nvidia.com/gpu"
# Labels that only nodes with accelerators have; the first that a node has names its kind.
_KINDS = ("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator", "nvidia.com/gpu.present")
_OF_KUBERNETES = "node.kubernetes.io/"


def accelerators(facts: Facts) -> list[Finding]:
    """A finding for each kind of accelerator, with the arguments of a run that place training on it."""
    if isinstance(facts.nodes, Unknown):
        return [Finding("accelerators", Status.UNKNOWN, facts.nodes.reason)]
    kinds = sorted({kind for node in facts.nodes for kind, number in node.accelerators.items() if number})
    if not kinds:
        return [Finding("accelerators", Status.INFO, 'no node has any: accelerator_count stays "0"')]
    return [_finding(kind, [node for node in facts.nodes if node.accelerators.get(kind)]) for kind in kinds]


def _finding(kind: str, nodes: list[Node]) -> Finding:
    found = "; ".join(f"node/{node.name} has {node.accelerators[kind]}{_said(node)}" for node in nodes)
    return Finding(f"accelerators {kind}", Status.OK, found, f"To train on them: {arguments(kind, nodes)}")


def arguments(kind: str, nodes: list[Node]) -> str:
    """What `foldline submit` needs so that a training task may run on any of these nodes, and on no others."""
    chosen: list[str] = ["accelerator_count=1"]
    if kind != USUAL:
        chosen.append(f"accelerator_type={kind}")
    if tolerations := _tolerations(nodes):
        chosen.append(f"tolerations={json.dumps(tolerations)}")
    if selector := _selector(nodes):
        chosen.append(f"node_selector={json.dumps(selector)}")
    return " ".join(f"--set '{one}'" if " " in one or "{" in one else f"--set {one}" for one in chosen)


def _tolerations(nodes: list[Node]) -> list[dict[str, Any]]:
    """One for each taint that keeps pods away and is there to stay."""
    found: list[dict[str, Any]] = []
    for node in nodes:
        for taint in node.taints:
            if taint.get("effect") == "PreferNoSchedule" or taint["key"].startswith(_OF_KUBERNETES):
                continue
            value = taint.get("value", "")
            matched = {"operator": "Equal", "value": value} if value else {"operator": "Exists"}
            toleration = {"key": taint["key"], **matched, "effect": taint["effect"]}
            if toleration not in found:
                found.append(toleration)
    return found


def _selector(nodes: list[Node]) -> dict[str, str]:
    """A label that all of them have and that other nodes do not; empty where there is none, and none is needed."""
    for label in _KINDS:
        values = {node.labels.get(label, "") for node in nodes}
        if len(values) == 1 and "" not in values:
            return {label: values.pop()}
    return {}


def _said(node: Node) -> str:
    taints = [f"{one['key']}={one.get('value', '')}:{one['effect']}" for one in node.taints]
    return f", taints {', '.join(taints)}" if taints else ""
