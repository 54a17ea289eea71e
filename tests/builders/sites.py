"""Sites with a real Envoy and small servers as arms."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.site.model_server import Program
from foldline.serving.site.owning import begin, description
from foldline.serving.site.replay import Replay
from foldline.serving.site.site import Site

READY_S = 60.0
ROWS: list[dict[str, Any]] = [{"distance": 1.0}]
CHAMPION, CHALLENGER = "c0ffee000001", "c0ffee000002"


def arm(version: str, *faults: str) -> Program:
    """A small server that says it is this version; faults as in builders/arm.py."""
    return Program(version, [sys.executable, str(Path(__file__).with_name("arm.py")), version, *faults])


@contextmanager
def site(folder: Path, champion: Program | None = None, **described: Any) -> Iterator[Site]:
    """A site of a champion, ended at the end."""
    made = begin(folder, description("late", "models", **described), champion or arm(CHAMPION), READY_S)
    try:
        yield made
    finally:
        made.end()


def split(of: Site, *faults: str, version: str = CHALLENGER) -> LocalSplit:
    """The Split of a site and a challenger with these faults."""
    return LocalSplit(of, arm(version, *faults), timeout_s=READY_S)


def load(of: Site, per_s: float, count: int | None = None) -> Replay:
    """Requests to the site."""
    return Replay(*of.address(), "late", ROWS, per_s, count=count)


def sent(of: Site, count: int) -> dict[tuple[int, str], int]:
    """Answers to `count` requests, as fast as they come."""
    with load(of, 5000.0, count) as replay:
        assert replay.wait(120.0), replay.answers()
        return replay.answers()
