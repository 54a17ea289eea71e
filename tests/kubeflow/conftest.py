"""A Kubeflow that the acceptance tests are pointed at.

KFP_ENDPOINT, KUBECONFIG, NAMESPACE, KFP_TEST_IMAGE (any image with kfp; Foldline's launcher by default),
KFP_DATASET_URI with KFP_LABEL (a table in a bucket), KFP_STORE_URI (a bucket for models), and KFP_ARGUMENTS (a file of
more arguments for train_and_serve).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from builders import acceptance_pipelines
from builders.acceptance import given
from foldline.kubeflow import connection
from foldline_pipelines.compile import compile_pipeline
from foldline_pipelines.kubeflow import follow, workflow

BIN = Path(sys.executable).parent
RUN_S = 3600.0
INJECTION = "katib.kubeflow.org/metrics-collector-injection"
Ended = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def endpoint() -> str:
    return given("KFP_ENDPOINT", "the address of Kubeflow Pipelines, such as http://localhost:8080")


@pytest.fixture(scope="session")
def namespace() -> str:
    return os.environ.get("NAMESPACE") or "kubeflow"


@pytest.fixture(scope="session")
def api(endpoint: str, namespace: str) -> connection.Connection:
    return connection.connect(endpoint, namespace)


@pytest.fixture(scope="session")
def unique() -> str:
    """Part of every name that these tests give, so that they can be run again."""
    return uuid.uuid4().hex[:6]


@pytest.fixture(scope="session")
def kfp(endpoint: str, namespace: str) -> Callable[..., Ended]:
    def call(*words: str | Path) -> Ended:
        command = [str(BIN / "kfp"), "--endpoint", endpoint, "--namespace", namespace, "--output", "json"]
        return subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False, timeout=120)

    return call


@pytest.fixture(scope="session")
def foldline(endpoint: str, namespace: str) -> Callable[..., Ended]:
    def call(*words: str | Path, timeout: float = RUN_S) -> Ended:
        command = [str(BIN / "foldline"), *map(str, words), "--endpoint", endpoint, "--namespace", namespace]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)

    return call


@pytest.fixture(scope="session")
def kubectl() -> Callable[..., str]:
    given("KUBECONFIG", "what needs the cluster itself is not looked at")
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl on PATH")

    def call(*words: str) -> str:
        ended = subprocess.run(["kubectl", *words], capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return call


@pytest.fixture(scope="session")
def katib_account(kubectl: Callable[..., str], namespace: str) -> str:
    """The account of the pipelines; skips where the namespace has no Katib."""
    if "experiments.kubeflow.org" not in kubectl("api-resources", "--api-group=kubeflow.org", "--output=name"):
        pytest.skip("the cluster has no Katib: it serves no experiments.kubeflow.org")
    labels = json.loads(kubectl("get", "namespace", namespace, "--output=json"))["metadata"].get("labels", {})
    if labels.get(INJECTION) != "enabled":
        pytest.skip(f"namespace/{namespace} has not the label {INJECTION}=enabled, so that no trial would end")
    accounts = json.loads(kubectl("get", "serviceaccounts", f"--namespace={namespace}", "--output=json"))["items"]
    names = {account["metadata"]["name"] for account in accounts}
    (account,) = [name for name in ("pipeline-runner", "default-editor") if name in names][:1]
    return account


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, unique: str) -> Path:
    """The small pipeline, named for these tests alone."""
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    compile_pipeline(acceptance_pipelines.small, path, {})
    path.write_text(path.read_text().replace("name: foldline-acceptance\n", f"name: foldline-acceptance-{unique}\n"))
    return path


@pytest.fixture(scope="session")
def ended(api: connection.Connection) -> Callable[[str], str]:
    """The state in which a run ends, with the reasons where it failed."""

    def wait(run_id: str) -> str:
        end = follow.follow(api, run_id, [], Console(), timeout_s=RUN_S)
        return ": ".join([end.state, *end.reasons])

    return wait


@pytest.fixture(scope="session")
def manifest(api: connection.Connection) -> Callable[[str], dict[str, Any]]:
    """The Workflow of a run."""

    def read(run_id: str) -> dict[str, Any]:
        text = api.text(f"run/{run_id}", f"/apis/v1beta1/runs/{run_id}")
        content: dict[str, Any] = json.loads(json.loads(text)["pipeline_runtime"]["workflow_manifest"])
        return content

    return read


@pytest.fixture(scope="session")
def states(manifest: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, str]]:
    """State of each task of a run."""
    return lambda run_id: {one["task"]: one["state"] for one in workflow.tasks(manifest(run_id))}


@pytest.fixture(scope="session")
def seen(api: connection.Connection, manifest: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """What the task `show` of a run said."""

    def read(run_id: str) -> dict[str, Any]:
        (pod,) = {
            workflow.pod_name(manifest(run_id), node)
            for node in manifest(run_id)["status"]["nodes"].values()
            if node["type"] == "Pod" and re.sub(r"\(\d+\)", "", node["name"]).endswith(".root.show.executor")
        }
        log = api.text(f"pod/{pod}", f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log")
        (line,) = [line for line in log.splitlines() if line.startswith(acceptance_pipelines.SEEN)]
        content: dict[str, Any] = json.loads(line.removeprefix(acceptance_pipelines.SEEN))
        content["classification"] = {name: unwrapped(one) for name, one in content["classification"].items()}
        return content

    return read


def unwrapped(value: Any) -> Any:
    """A list or mapping as it was before ML Metadata, which keeps it as the one field `list` or `struct`."""
    while isinstance(value, dict) and set(value) in ({"list"}, {"struct"}):
        (value,) = value.values()
    return value
