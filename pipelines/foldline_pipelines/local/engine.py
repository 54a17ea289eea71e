"""Runs a localized pipeline with kfp.local; a process of its own, in a process group of its own.

    python -m foldline_pipelines.local.engine RUN_FOLDER

reads `RUN_FOLDER/plan.json` (the localized pipeline and its parameters) and ends with status 0 when every task
succeeded, 1 when one failed. Its standard input is a pipe from the command that started it.
"""

import json
import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from kfp import components, dsl, local
from kfp.local import cache

from foldline_pipelines.local import process_tree
from foldline_pipelines.local.content import digest, write_json


class VerifiedCache(cache.LocalCache):  # type: ignore[misc]
    """Outputs of earlier attempts, taken only when every artifact still has the digest that its task recorded."""

    run_folder = Path()
    _components: ClassVar[dict[str, str]] = {}

    def compute_key(self, component_name: str, *arguments: Any, **named: Any) -> str:
        """The key of a task, which is remembered with the name of its component."""
        key: str = super().compute_key(component_name, *arguments, **named)
        self._components[key] = component_name
        return key

    def get(self, key: str) -> dict[str, Any] | None:
        """Outputs stored under `key`, or None; a task that is served so gets its earlier record, as `cached`."""
        outputs: dict[str, Any] | None = super().get(key)
        if outputs is None:
            return None
        earlier = self._producer(key)
        if earlier is None:
            return None
        for artifact in earlier["artifacts"].values():
            if artifact["uri"].startswith("/") and digest(Path(artifact["uri"])) != artifact["digest"]:
                return None
        write_json(self.run_folder / "tasks" / f"{earlier['task']}.json", {**earlier, "state": "cached"})
        return outputs

    def _producer(self, key: str) -> dict[str, Any] | None:
        """Record of the task that made the outputs under `key`: by the addresses of its artifacts, else by its name."""
        stored = json.loads((Path(self.cache_root) / f"{key}.json").read_text())
        wanted = {value["uri"] for value in stored.values() if isinstance(value, dict) and "uri" in value}
        named = self.run_folder / "earlier" / f"{self._components[key].removeprefix('comp-')}.json"
        for file in (self.run_folder / "earlier").rglob("*.json"):
            record: dict[str, Any] = json.loads(file.read_text())
            if not wanted and file != named:
                continue
            if wanted <= {artifact["uri"] for artifact in record["artifacts"].values()}:
                return record
        return None


def end_with_the_command() -> None:
    """Wait until the command is gone, by whatever way, and end everything below this process, and then itself."""
    # Not through sys.stdin, whose lock a thread must not hold when the interpreter ends.
    os.read(0, 1)
    for process in [*process_tree.descendants(os.getpid()), os.getpid()]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def run(run_folder: Path) -> int:
    """Run the plan in `run_folder`; the exit status of this process."""
    threading.Thread(target=end_with_the_command, daemon=True).start()
    plan = json.loads((run_folder / "plan.json").read_text())
    # kfp.local replaces the text `python3` in every part of a command, addresses and parameters included, by the name
    # of the running interpreter. With this name the commands stay as they are.
    sys.executable = "python3"
    VerifiedCache.run_folder = run_folder
    cache.LocalCache = VerifiedCache
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # What a cluster would do with resources and images is not this machine's concern.
    warnings.filterwarnings("ignore", module=r"kfp\.local")
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(run_folder / "artifacts"),
        workspace_root=tempfile.mkdtemp(prefix="foldline-workspace-"),
        enable_caching=True,
        cache_root=str(run_folder / "cache"),
    )
    pipeline: dsl.base_component.BaseComponent = components.load_component_from_text(json.dumps(plan["pipeline"]))
    try:
        pipeline(**plan["parameters"])
    except RuntimeError as failed:
        if "Inner task failed" not in str(failed):
            raise
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
