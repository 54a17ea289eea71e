"""The processors that training runs on, and how arrays lie on them."""

import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

ROWS = "rows"
# Of free memory, what a program may plan with: the rest is for what the estimate does not see.
USABLE = 0.8
SAMPLE_EVERY_S = 2.0
QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")


class Devices:
    """One device, or several of a node that share the rows of each batch.

    With several, models and data lie on each of them, every batch is split between them, and the compiler adds up
    their gradients: batch normalisation and losses are those of the whole batch.
    """

    def __init__(self, devices: list[Any]) -> None:
        self._devices = devices
        mesh = Mesh(np.array(devices), (ROWS,))
        self._whole = NamedSharding(mesh, PartitionSpec())  # type: ignore[no-untyped-call]
        self._split = NamedSharding(mesh, PartitionSpec(None, None, ROWS))  # type: ignore[no-untyped-call]

    @classmethod
    def for_batch(cls, batch_size: int) -> Self:
        """As many devices of this process as divide the batch evenly."""
        found = jax.local_devices()
        count = max(count for count in range(1, len(found) + 1) if batch_size % count == 0)
        return cls(found[:count])

    @property
    def count(self) -> int:
        return len(self._devices)

    @property
    def on_accelerator(self) -> bool:
        return bool(self._devices[0].platform != "cpu")

    def __str__(self) -> str:
        kind = str(self._devices[0].device_kind)
        if not self.on_accelerator:
            kind = f"{kind} with {len(os.sched_getaffinity(0))} threads"
        return kind if self.count == 1 else f"{self.count} x {kind}"

    def everywhere(self, tree: Any) -> Any:
        """`tree` whole on each device."""
        return jax.device_put(tree, self._whole if self.count > 1 else self._devices[0])

    def split_rows(self, positions: Any) -> Any:
        """Positions of rows, shape (n, K, rows), with the rows split between the devices where they divide evenly."""
        if self.count == 1:
            return jax.device_put(positions, self._devices[0])
        even = positions.shape[2] % self.count == 0
        return jax.device_put(positions, self._split if even else self._whole)

    def free_bytes(self) -> int:
        """Memory that a program on one device may take."""
        stats = self._devices[0].memory_stats()
        if stats and "bytes_limit" in stats:
            return int(USABLE * (stats["bytes_limit"] - stats["bytes_in_use"]))
        return int(USABLE * _free_host_bytes() / self.count)

    def peak_bytes(self) -> int:
        """The most memory that was used on one device so far; 0 where it does not say."""
        return max(int((device.memory_stats() or {}).get("peak_bytes_in_use", 0)) for device in self._devices)


def _free_host_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []
    available = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 1 << 62)
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return available
    return available if limit == "max" else min(available, int(limit) - int(used))


@dataclass
class Watch:
    """Utilisation and memory of NVIDIA devices while a block runs, as nvidia-smi tells them; else nothing.

    Attributes:
        utilisation: per cent, and `memory`: MiB, of all samples of all devices.
    """

    utilisation: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._ended.set()
        self._thread.join()

    def facts(self) -> dict[str, float]:
        """Mean utilisation and largest memory; empty without a sample."""
        if not self.utilisation:
            return {}
        return {
            "gpu_utilisation_percent": round(float(np.mean(self.utilisation)), 1),
            "gpu_memory_mib": max(self.memory),
        }

    def _sample(self) -> None:
        while not self._ended.is_set():
            try:
                said = subprocess.run(QUERY, capture_output=True, text=True, timeout=30, check=True).stdout
                # A device that does not tell, such as a part of one (MIG), says [N/A].
                figures = [[float(value) for value in line.split(",")] for line in said.splitlines()]
            except (OSError, ValueError, subprocess.SubprocessError):
                return
            for used, memory in figures:
                self.utilisation.append(used)
                self.memory.append(memory)
            self._ended.wait(SAMPLE_EVERY_S)
