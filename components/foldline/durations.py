"""Durations as people write them: a whole number and a unit."""

import re
from typing import Any

from foldline.errors import ArgumentError

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds_of(text: Any, *, argument: str) -> int:
    """Seconds of a duration such as `90m`, `12h`, `7d` or `2w`; at least one second.

    Args:
        argument: name of the parameter, for the message.

    Raises:
        ArgumentError: it is none.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ArgumentError(argument, expected="a whole number with s, m, h, d or w, as 7d", got=repr(text)[:80])
    return int(match[1]) * UNITS_S[match[2]]
