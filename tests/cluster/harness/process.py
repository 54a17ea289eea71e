"""Commands, and programs that outlive this one: each is known by its pid file and ended by its pid."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from . import places

END_S = 10.0


class HarnessError(Exception):
    """The cluster cannot be built or started; the message says what to do."""


def say(line: str) -> None:
    """One line of progress."""
    print(f"cluster: {line}", flush=True)


def run(*command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and give its output.

    Raises:
        HarnessError: it failed; with its last lines.
    """
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = "\n".join((ended.stderr or ended.stdout).strip().splitlines()[-8:])
        raise HarnessError(f"{' '.join(map(str, command[:4]))}: exit status {ended.returncode}\n{last}")
    return ended.stdout


def inside(*command: str | Path) -> list[str]:
    """The command, in the cluster's network namespace; file system and process ids stay those of this machine."""
    return ["nsenter", f"--net=/run/netns/{places.NAMESPACE}", "--", *(str(part) for part in command)]


def kubectl(*arguments: str | Path, given: str | None = None) -> str:
    """Run kubectl as administrator.

    Raises:
        HarnessError: it failed.
    """
    command = inside(places.BIN / "kubectl", "--kubeconfig", places.KUBECONFIG, *arguments)
    ended = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise HarnessError(f"kubectl {' '.join(map(str, arguments[:4]))}: {ended.stderr.strip()[-600:]}")
    return ended.stdout


def apply(*files: Path) -> None:
    """Apply files on the server's side."""
    named = [part for file in files for part in ("--filename", file)]
    kubectl("apply", "--server-side", "--force-conflicts", *named)


def settle(file: Path, content: object) -> Path:
    """Write `content` as YAML unless the file says so already: a program may end when its settings are written."""
    text = yaml.safe_dump(content)
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return file


def start(name: str, *command: str | Path, environment: Mapping[str, str] | None = None) -> bool:
    """Start a program in the namespace unless it runs already; whether it was started."""
    if alive(name):
        return False
    places.PIDS.mkdir(parents=True, exist_ok=True)
    places.LOGS.mkdir(parents=True, exist_ok=True)
    with (places.LOGS / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            inside(*command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PATH": places.PATH, **(environment or {})},
            start_new_session=True,
        )
    _pid_file(name).write_text(f"{child.pid} {_began(child.pid)}")
    say(f"{name} started")
    return True


def alive(name: str) -> bool:
    """Whether the program runs."""
    return pid_of(name) is not None


def pid_of(name: str) -> int | None:
    """The program's process; None when it has ended, also where its number was given to another one since."""
    try:
        pid, began = _pid_file(name).read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _began(int(pid)) == began else None


def started() -> list[str]:
    """Names of the programs that have a pid file, in the order in which they were started."""
    files = sorted(places.PIDS.glob("*"), key=lambda file: file.stat().st_mtime_ns) if places.PIDS.is_dir() else []
    return [file.name for file in files]


def end(name: str) -> None:
    """End a program that was started here: SIGTERM, and SIGKILL ten seconds later."""
    if pid := pid_of(name):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_S
        while alive(name) and time.monotonic() < deadline:
            time.sleep(0.05)
        if alive(name):
            os.kill(pid, signal.SIGKILL)
    _pid_file(name).unlink(missing_ok=True)


def wait(what: str, seconds: float, ready: Callable[[], object], *, log: str = "") -> None:
    """Wait until `ready` gives something true without raising HarnessError or OSError.

    Args:
        log: name of the program whose last lines explain a failure.

    Raises:
        HarnessError: it did not within `seconds`, with the last fault and the end of the log.
    """
    deadline = time.monotonic() + seconds
    fault: object = "nothing yet"
    while time.monotonic() < deadline:
        try:
            found = ready()
            if found:
                return
            fault = found
        except (HarnessError, OSError) as error:
            fault = error
        time.sleep(0.2)
    file = places.LOGS / f"{log}.log"
    tail = "\n".join(file.read_text(errors="replace").splitlines()[-8:]) if log and file.exists() else ""
    raise HarnessError(f"{what} is not ready after {seconds:.0f} s; last: {fault}\n{tail}".rstrip())


def require_root() -> None:
    """Network namespaces and containers need root.

    Raises:
        HarnessError: this is not root.
    """
    if os.geteuid() or sys.platform != "linux":
        raise HarnessError("the cluster needs Linux and root (network namespaces, containerd): run it as root")


def _pid_file(name: str) -> Path:
    return places.PIDS / name


def _began(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty when there is none or only its zombie."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state == "Z" else fields[18]
