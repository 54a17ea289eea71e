"""What a process started ends with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
PARENT = f"import sys; from foldline.ending import called; sys.exit(called([sys.executable, '-c', {CHILD!r}]))"


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_does_not_outlive_the_process_that_called_it(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(number)
        assert parent.wait(20) != 0
        deadline = time.monotonic() + 5.0
        while is_there(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_there(child)


def test_the_exit_status_of_a_command_is_given() -> None:
    code = "import sys; from foldline.ending import called; print(called([sys.executable, '-c', 'exit(3)']))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "3\n"
