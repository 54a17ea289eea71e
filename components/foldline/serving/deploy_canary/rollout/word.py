"""What a person can tell a rollout. Pure."""

from typing import NamedTuple

APPROVE, PAUSE, RESUME, ABORT = "approve", "pause", "resume", "abort"


class Word(NamedTuple):
    """What a person said last: approve, pause, resume, abort, or nothing; and when, in seconds since 1970."""

    word: str
    at: float
