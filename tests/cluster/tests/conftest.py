"""The running cluster, as its administrator; without one the tests are skipped, with the reason."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CLUSTER = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("FOLDLINE_CLUSTER_HOME") or Path.home() / ".cache" / "foldline" / "cluster")
KUBECONFIG = HOME / "run" / "kubeconfig"
LEVELS = ("api", "node", "serving")
Kubectl = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "level(name): the least level of the cluster that the test needs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    running = (HOME / "run" / "level").read_text() if (HOME / "run" / "level").exists() else ""
    above = LEVELS[LEVELS.index(running) + 1 :] if running else LEVELS
    for item in items:
        needed = next((mark.args[0] for mark in item.iter_markers("level")), "api")
        if needed in above:
            reason = f"no cluster of level {needed} runs here: make cluster-up LEVEL={needed}"
            item.add_marker(pytest.mark.skip(reason=reason))
        elif not _inside():
            item.add_marker(
                pytest.mark.skip(reason="outside the cluster's network: tests/cluster/enter python -m pytest")
            )


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The administrator's file; its server answers inside the cluster's network namespace."""
    return KUBECONFIG


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """Runs kubectl as administrator: its arguments, and `given` for its standard input; gives its output."""

    def call(*arguments: str, given: str | None = None) -> str:
        command = [str(HOME / "bin" / "kubectl"), "--kubeconfig", str(kubeconfig), *arguments]
        ended = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=240)
        assert ended.returncode == 0, f"kubectl {' '.join(arguments)}: {ended.stderr.strip()}"
        return ended.stdout

    return call


@pytest.fixture(scope="session")
def on_node() -> Callable[[str], None]:
    """Puts an image that was built here on the cluster's node, where nothing is pulled."""

    def call(name: str) -> None:
        there = (
            shutil.which("podman") and subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0
        )
        if not there:
            pytest.skip(f"{name} is not built here: make images ACCELERATOR=cpu")
        subprocess.run([CLUSTER / "import-image", name], check=True)

    return call


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, deleted after it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def _inside() -> bool:
    """Whether this process is in the cluster's network namespace."""
    there = Path("/run/netns/foldline")
    return there.exists() and there.stat().st_ino == Path("/proc/self/ns/net").stat().st_ino
