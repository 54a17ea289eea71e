"""Processes below a process, and the memory that they hold, read from /proc (nothing where there is none)."""

import os
import threading
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(ancestor: int) -> list[int]:
    """Identifiers of all processes that descend from `ancestor`, itself excluded."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            try:
                # The name of the program, in parentheses, may hold spaces and parentheses itself.
                parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, level = [], [ancestor]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found += level
    return found


def resident_bytes(ancestor: int) -> int:
    """Resident memory of the descendants of `ancestor`, in bytes; pages that several of them share count for each."""
    total = 0
    for process in descendants(ancestor):
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


class PeakMemory:
    """Highest resident memory of this process's descendants, sampled while a `with` block runs."""

    def __init__(self, interval_s: float = 0.2) -> None:
        self.bytes = 0
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(self._interval_s):
            self.bytes = max(self.bytes, resident_bytes(os.getpid()))
