"""The one line that tells why a process failed, found in its log."""

import re
import signal
from pathlib import Path

_RAISED = re.compile(r"^((?:\w+\.)*)(\w*[A-Z]\w*)(?:: (.*))?$")
_TAIL = 262_144


def message(log: Path, start: int, status: int) -> str:
    """Message of the exception that ended the process whose log begins at byte `start` of `log`.

    An error of Foldline's own family says all by itself; any other keeps the name of its class. Without an exception
    it is the signal or the exit status, and the last line that was printed.
    """
    text = _tail(log, start)
    lines = text.splitlines()
    begun = [index for index, line in enumerate(lines) if line.lstrip().startswith("Traceback (most recent call last)")]
    # kfp.local indents what its tasks print.
    indent = len(lines[begun[-1]]) - len(lines[begun[-1]].lstrip()) if begun else 0
    for line in (text[indent:] for text in lines[begun[-1] + 1 :]) if begun else ():
        raised = _RAISED.match(line)
        if raised:
            module, kind, said = raised.groups()
            own = module.startswith("foldline.") and said
            return said if own else f"{kind}: {said}" if said else kind
    killed = -status if status < 0 else status - 128 if status > 128 else 0
    if killed:
        name = signal.Signals(killed).name if killed in set(signal.Signals) else f"signal {killed}"
        cause = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"ended by {name}{cause}"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return f"exit status {status}: {last}"


def _tail(log: Path, start: int) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(start, size - _TAIL))
        return stream.read().decode("utf-8", "replace")
