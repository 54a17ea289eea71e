"""What a person can tell a rollout. Pure."""

from typing import NamedTuple

APPROVE, PAUSE, RESUME, ABORT = "approve", "pause", "resume", "abort"
WORDS = (APPROVE, PAUSE, RESUME, ABORT)


class Word(NamedTuple):
    """What a person said last: one of WORDS, or empty where nobody said anything; and when, in seconds since 1970."""

    word: str
    at: float
