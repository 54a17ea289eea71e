"""How many processors this process may use."""

import math
import os
from pathlib import Path

CONTROL_GROUP = Path("/sys/fs/cgroup")


def available_processors(control_group: Path = CONTROL_GROUP) -> int:
    """Processors that this process may run on, and no more than the cpu limit of its container, rounded up.

    Args:
        control_group: where the kernel shows the limits of the container; version 2 (`cpu.max`) or 1.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = _limit(control_group)
    return affinity if limit is None else max(1, min(affinity, math.ceil(limit)))


def _limit(folder: Path) -> float | None:
    """Processors that the container may keep busy; None where it has no limit."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except OSError:
        try:
            quota, period = ((folder / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    return float(quota) / float(period) if quota.strip() not in ("max", "-1") else None
