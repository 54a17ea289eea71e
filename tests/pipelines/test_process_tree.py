"""Processes below a process, and their memory together."""

import os
import subprocess
import sys
import time

from foldline_pipelines.local.process_tree import PeakMemory, descendants

HOLD = "held = b'x' * 100_000_000; print(flush=True); input()"
TWO = f"""
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", {HOLD!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(2)]
for child in children:
    child.stdout.readline()
print(*[child.pid for child in children], flush=True)
input()
for child in children:
    child.communicate(b"\\n")
"""


def test_memory_is_that_of_all_processes_together() -> None:
    with PeakMemory(interval_s=0.02) as peak:
        process = subprocess.Popen(
            [sys.executable, "-c", TWO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        grandchildren = {int(word) for word in process.stdout.readline().split()}
        below = set(descendants(os.getpid()))
        time.sleep(0.1)
        process.communicate("\n", timeout=30)
    assert {process.pid} | grandchildren <= below
    assert 200e6 < peak.bytes < 280e6
    assert not grandchildren & set(descendants(os.getpid()))
