"""Processes that outlive the one that started them, each known by its pid and the moment it began."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "FOLDLINE_SITE"
POLL_S = 0.05
# Exit codes of children that have ended; a pid's last one stands.
_codes: dict[int, int] = {}
_ENDED = ("Z", "X")
_DEFAULT_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


@dataclass(frozen=True)
class Process:
    """A process of this machine.

    Attributes:
        started: clock ticks from the machine's start to the process's; a later process of the same pid has another.
    """

    pid: int
    started: int

    @property
    def epoch(self) -> str:
        """A text that no other process of this machine ever has."""
        return f"{self.pid}.{self.started}"


def this() -> Process:
    """The process that asks."""
    found = find(os.getpid())
    assert found is not None
    return found


def find(pid: int) -> Process | None:
    """The process with this pid; None where there is none, or it has ended and nobody asked for its status."""
    state, started = _look(pid)
    return None if state in _ENDED else Process(pid, started)


def runs(process: Process) -> bool:
    """Whether it, and not a later one of its pid, still runs; the status of a child that has ended is taken."""
    try:
        ended, status = os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        return find(process.pid) == process
    if ended:
        _codes[process.pid] = os.waitstatus_to_exitcode(status)
        return False
    # Its first thread may have ended before the others.
    return _look(process.pid)[1] == process.started


def start(command: Sequence[str], *, folder: Path, log: Path) -> Process:
    """Start a program in a session of its own, in `folder`, which its environment names; it says into `log`.

    Raises:
        OSError: the program cannot be started.
    """
    # A shell changes the folder; the program then takes its place.
    command = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    environment = {**os.environ, MARK: str(folder)}
    pid = os.posix_spawn(
        command[0], command, environment, file_actions=actions, setsid=True, setsigdef=_DEFAULT_SIGNALS
    )
    _codes.pop(pid, None)
    return find(pid) or Process(pid, 0)


def marked(folder: Path) -> list[Process]:
    """Every process that `start` made in this folder and that still runs; not what those started themselves."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                leads = os.getsid(int(entry.name)) == int(entry.name)
            except OSError:
                continue
            process = find(int(entry.name))
            if leads and mark in environment and process is not None:
                found.append(process)
    return found


def end(process: Process, grace_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Ask the process to end, and kill it where it has not done so after `grace_s` seconds."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, grace_s)):
        if not runs(process):
            return
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return
        deadline = clock() + patience_s
        while runs(process) and clock() < deadline:
            time.sleep(POLL_S)


def last_line(log: Path) -> str:
    """What a program said last; `nothing` where it said nothing."""
    lines = lines_of(log)
    return next((line.strip()[:400] for line in reversed(lines) if line.strip()), "nothing")


def lines_of(log: Path) -> list[str]:
    """What a program said so far."""
    try:
        return log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def ending(process: Process) -> str:
    """How a process ended, in words; its exit code where it was this process's child."""
    code = _codes.get(process.pid)
    return f"it ended with exit code {code}" if code is not None else "it has ended"


def _look(pid: int) -> tuple[str, int]:
    """State and start of the process with this pid; state X where there is none."""
    try:
        # The name of the program, in parentheses, may hold spaces and parentheses itself.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, IndexError):
        return "X", 0
