"""Scripts of benchmarks in processes of their own, and environments for peers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONTENDERS = Path(__file__).parent.parent / "contenders"


def ran(python: Path, script: str, *given: Any) -> Any:
    """What a script, a file or its text, prints as its last line of JSON; it may import what lies beside contenders."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "DO_NOT_TRACK": "1"}
    ended = subprocess.run(
        [str(python), *(["-c", script] if "\n" in script else [script]), *map(str, given)],
        stdout=subprocess.PIPE, text=True, env=os.environ | quiet | {"PYTHONPATH": str(CONTENDERS)}, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(f"{script[:80]}: exit status {ended.returncode}")
    return json.loads(ended.stdout.splitlines()[-1])


def peer_interpreter(name: str, python: Path, packages: Sequence[str]) -> Path:
    """Python of the environment `name` in the user's cache, made where it is missing; nothing stands in for a peer."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "foldline"
    folder = cache / name
    peer = folder / "bin" / "python"
    if not peer.exists():
        print(f"environment {name}: installing", flush=True)
        uv = [sys.executable, "-m", "uv"]
        try:
            subprocess.run([*uv, "venv", "--quiet", "--python", str(python), str(folder)], check=True)
            subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(peer), *packages], check=True)
        except subprocess.CalledProcessError as fault:
            shutil.rmtree(folder, ignore_errors=True)
            raise SystemExit(f"environment {name} cannot be made: {fault}") from fault
    return peer
