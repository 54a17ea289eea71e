"""Staying until Katib's metrics collector looks: it fails a trial that ends before it has found the trial's process."""

import time
from collections.abc import Callable
from pathlib import Path

PROCESSES = Path("/proc")
LONGEST_S, AFTER_S, LOOK_S = 180.0, 5.0, 1.0


def stay_until_observed(
    collector: str,
    *,
    processes: Path = PROCESSES,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until a process `collector` runs beside this one, and for as long as it takes to look around.

    Args:
        collector: part of the name of its program; the processes of one pod see each other.

    Returns:
        Whether it was seen; after three minutes it is no longer waited for.
    """
    began = clock()
    while not _runs(collector, processes):
        if clock() - began >= LONGEST_S:
            return False
        sleep(LOOK_S)
    sleep(AFTER_S)
    return True


def _runs(collector: str, processes: Path) -> bool:
    for process in processes.glob("[0-9]*"):
        try:
            program = (process / "cmdline").read_bytes().split(b"\0")[0]
        except OSError:
            continue
        # The name is also an argument of this trial.
        if collector.encode() in Path(program.decode(errors="replace")).name.encode():
            return True
    return False
