"""Ends of this process that its work is told of."""

import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# A run of a pipeline ends its tasks first.
GRACE_S = 30.0


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that what the block began is ended or put back before this process ends."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        # A second one must not break off the clean-up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end(child: "subprocess.Popen[bytes]") -> None:
    """Tell a process to end, wait until it has, and kill it where it does not."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def called(command: Sequence[str]) -> int:
    """Exit status of a command, which does not outlive this process where that is interrupted or told to end."""
    with ended_in_order():
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            return child.wait()
        finally:
            end(child)
