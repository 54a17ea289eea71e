"""CustomResourceDefinitions for tests on a real API server, and the patience that its caches need."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "tests" / "cluster" / "modules"
_KSERVE = ("kserve", "github.com/kserve/kserve", "config/crd/full")
_OPERATOR = ("custom-resources", "github.com/prometheus-operator/prometheus-operator")
# By name: the module of the harness that pins it, the Go module, and the file in it.
CRDS = {
    "inferenceservices.serving.kserve.io": (*_KSERVE, "serving.kserve.io_inferenceservices.yaml"),
    "servingruntimes.serving.kserve.io": (*_KSERVE, "serving.kserve.io_servingruntimes.yaml"),
    "servicemonitors.monitoring.coreos.com": (
        *_OPERATOR,
        "example/prometheus-operator-crd",
        "monitoring.coreos.com_servicemonitors.yaml",
    ),
    "authorizationpolicies.security.istio.io": (
        "custom-resources",
        "istio.io/api",
        "kubernetes",
        "customresourcedefinitions.gen.yaml",
    ),
}


def text_of(name: str) -> str:
    """A CRD that the overlays need, as its project ships it; skips the test where it is not on this machine."""
    module, path, folder, file = CRDS[name]
    content = (_module_folder(module, path) / folder / file).read_text()
    # As text: YAML 1.1 has its own mind about the "=" in these files, and parsing them takes half a minute.
    (document,) = [one for one in content.split("\n---\n") if f"\n  name: {name}\n" in one]
    return document


def crd(group: str, plural: str, kind: str, *, scope: str = "Namespaced") -> dict[str, Any]:
    """A CustomResourceDefinition that accepts anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": schema}],
        },
    }


def eventually(look: Callable[[], Any], expected: Any, *, timeout_s: float = 20.0) -> None:
    """Asserts what `look` gives once the API server's own caches have followed."""
    deadline = time.monotonic() + timeout_s
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert seen == expected


def _module_folder(module: str, path: str) -> Path:
    """Where Go keeps a module's source; there is no way to download it from inside the cluster's network."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", path]
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    ended = subprocess.run(
        command, cwd=MODULES / module, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    folder = ended.stdout.strip()
    if ended.returncode or not folder:
        pytest.skip(f"the CRDs of {path} are not there: run go mod download in tests/cluster/modules/{module}")
    return Path(folder)
