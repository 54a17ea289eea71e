"""What ends a search before all trials are done: time, a signal, or a goal."""

import signal
import time
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Why a search is to end, asked again and again; handles SIGINT and SIGTERM while the block lasts.

    Args:
        limit_s: seconds that the search may take; 0 for no limit.
        before_s: seconds that it has taken already.
    """

    def __init__(self, limit_s: float, before_s: float) -> None:
        self._limit_s, self._before_s = limit_s, before_s
        self._began, self._reason = time.monotonic(), ""
        self.signal = 0
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._handlers = {number: signal.signal(number, self._heard) for number in SIGNALS}
        return self

    def __exit__(self, *fault: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @property
    def seconds(self) -> float:
        """Seconds that the search has taken so far."""
        return self._before_s + time.monotonic() - self._began

    @property
    def left_s(self) -> float:
        """Seconds that it may still take; infinite without a limit."""
        return max(self._limit_s - self.seconds, 0.0) if self._limit_s else float("inf")

    @property
    def reason(self) -> str:
        """Why it is to end, in words; empty while it may go on."""
        if self.signal:
            return f"{signal.Signals(self.signal).name} was received"
        if self._reason:
            return self._reason
        return "" if self.left_s else f"the budget of {self._limit_s:.0f} s is spent"

    def end(self, reason: str) -> None:
        """End it for a reason of its own."""
        self._reason = reason

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
