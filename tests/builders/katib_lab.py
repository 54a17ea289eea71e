"""Searches on a real Katib: the component as a process with the account of the pipelines, and what it leaves."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foldline_pipelines.local import environments

TESTS = Path(__file__).resolve().parents[1]
SEARCH_S = 1200.0
Kubectl = Callable[..., str]
SPACE = {
    "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.2},
    "embedding_width": {"type": "int", "low": 2, "high": 6},
}


def definition(**fields: Any) -> dict[str, Any]:
    """A small search of numbers, with some of its fields changed."""
    return {
        "space": SPACE,
        "objective": {"metric": "roc_auc"},
        "algorithm": {"name": "random"},
        "budget": {"trials": 4, "parallel_trials": 2},
        "seed": 3,
    } | fields


class Task:
    """The component as a process, whose words go to a file."""

    def __init__(self, process: "subprocess.Popen[bytes]", outputs: Path, log: Path) -> None:
        self._process, self.outputs, self._log = process, outputs, log

    @property
    def said(self) -> str:
        return self._log.read_text()

    def until(self, pattern: str) -> None:
        """Wait until it says this."""
        deadline = time.monotonic() + SEARCH_S
        while not re.search(pattern, self.said):
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.5)

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait."""
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Its exit status."""
        return self._process.wait(timeout=SEARCH_S)

    @property
    def experiment(self) -> str:
        """Name of its Experiment."""
        found = re.search(r"experiment/(search-[0-9a-f]+)", self.said)
        assert found is not None, self.said
        return found[1]

    def result(self) -> dict[str, Any]:
        """What it found; its words where it failed."""
        assert self.ended() == 0, self.said
        content: dict[str, Any] = json.loads((self.outputs / "search" / "search.json").read_text())
        return content


class Lab:
    """A namespace with Katib, and a folder for what tasks leave.

    Args:
        kubectl: as administrator, in the namespace.
    """

    def __init__(self, kubectl: Kubectl, kubeconfig: Path, artifacts: Path, folder: Path, state_uri: str, image: str):
        self.kubectl, self._kubeconfig, self._artifacts = kubectl, kubeconfig, artifacts
        self._folder, self._state_uri, self._image = folder, state_uri, image
        self._begun: list[subprocess.Popen[bytes]] = []

    def begin(self, search: dict[str, Any], name: str = "task", **katib: Any) -> Task:
        """Start the component; the same search under another name goes on with the same Experiment."""
        folder = self._folder / name
        folder.mkdir()
        options = {"image": self._image, "cpu": "100m", "memory": "2Gi", **katib}
        document = {"state_uri": self._state_uri, "definition": search, "katib": options}
        (folder / "task.json").write_text(json.dumps(document))
        command = [environments.interpreter("trainer"), "-m", "builders.katib_task", self._artifacts, folder]
        environment = {**os.environ, "KUBECONFIG": str(self._kubeconfig), "PYTHONPATH": str(TESTS)}
        environment.pop("KUBERNETES_SERVICE_HOST", None)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*map(str, command), str(folder / "task.json")], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._begun.append(process)
        return Task(process, folder, folder / "log")

    def found(self, kind: str, name: str) -> dict[str, Any]:
        """An object of Katib's, or an empty one where there is none."""
        content = self.kubectl("get", f"{kind}.kubeflow.org", name, "--ignore-not-found", "--output=json")
        return json.loads(content) if content else {}

    def close(self) -> None:
        for process in self._begun:
            if process.poll() is None:
                process.kill()
            process.wait()
        for log in self._folder.glob("*/log"):
            if found := re.search(r"experiment/(search-[0-9a-f]+)", log.read_text()):
                self.kubectl("delete", "experiment.kubeflow.org", found[1], "--ignore-not-found", "--wait=false")
