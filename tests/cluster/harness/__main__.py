"""python -m harness build|up [api|node|serving] | status | down | import ARCHIVE or NAME"""

import argparse
import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import build, control_plane, images, network, places, process
from .process import HarnessError, say

LEVELS = ("api", "node", "serving")


def _levels(last: str) -> tuple[str, ...]:
    return LEVELS[: LEVELS.index(last) + 1]


def up(level: str) -> None:
    """Build what the level needs, start what does not run."""
    began = time.monotonic()
    wanted = _levels(level)
    build.programs(wanted)
    with _alone():
        _start(level, wanted)
    say(f"level {_level()} is up after {time.monotonic() - began:.0f} s; next: tests/cluster/enter kubectl get all -A")


def _start(level: str, wanted: tuple[str, ...]) -> None:
    network.up()
    control_plane.up()
    if "node" in wanted:
        from . import node

        node.up()
    if "serving" in wanted:
        from . import serving

        serving.up()
    if _level() not in LEVELS[LEVELS.index(level) :]:
        places.LEVEL.write_text(level)


def status() -> None:
    """Say which level runs, and each program's state."""
    print(f"level: {_level() or 'none'}")
    for name in process.started():
        print(f"{name}: {'runs' if process.alive(name) else 'ended; its log: ' + str(places.LOGS / name) + '.log'}")
    if process.alive("kube-apiserver"):
        print(process.kubectl("get", "nodes,pods", "--all-namespaces", "--output=wide"), end="")


def down() -> None:
    """End what was started, pods first, and remove what it left; what was built stays."""
    from . import node

    for name in reversed(process.started()):
        if name != node.CONTAINERD:
            process.end(name)
    if network.exists():
        node.remove()
    network.down()
    process.run("rm", "-rf", "--one-file-system", places.RUN)
    say("is down; what was built stays in " + str(places.HOME))


def main() -> int:
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "up"):
        commands.add_parser(name).add_argument("level", nargs="?", default="node", choices=LEVELS)
    commands.add_parser("status")
    commands.add_parser("down")
    commands.add_parser("import").add_argument("image")
    given = parser.parse_args()
    try:
        process.require_root()
        if given.command == "build":
            build.programs(_levels(given.level))
        elif given.command == "up":
            up(given.level)
        elif given.command == "import":
            with _alone():
                if Path(given.image).exists():
                    images.load(Path(given.image))
                else:
                    images.load_built(given.image)
        elif given.command == "down":
            with _alone():
                down()
        else:
            status()
    except HarnessError as fault:
        print(f"cluster: {fault}", file=sys.stderr)
        return 1
    return 0


def _level() -> str:
    return places.LEVEL.read_text() if places.LEVEL.exists() else ""


@contextmanager
def _alone() -> Iterator[None]:
    """One start, stop or import at a time."""
    places.HOME.mkdir(parents=True, exist_ok=True)
    with (places.HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
