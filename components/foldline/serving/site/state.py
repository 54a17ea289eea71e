"""What a site consists of, as its folder says: read and written in one step."""

import errno
import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from foldline.errors import ServingError
from foldline.serving.site.processes import POLL_S, Process

FORM = 1
STATE = "site.json"
LOCK_S = 120.0
COMMAND, TASK = "foldline serve", "deploy_canary"


@dataclass(frozen=True)
class Arm:
    """A server of one version.

    Attributes:
        name: of its Envoy cluster and its log; never given twice in a site, so its counters begin with the process.
    """

    name: str
    version: str
    process: Process

    @property
    def mirror(self) -> str:
        """Name of the cluster for copies, whose counts are kept apart from the users' requests."""
        return f"{self.name}-mirror"


@dataclass(frozen=True)
class State:
    """A site.

    Attributes:
        host, port: where Envoy listens, as numbers; port 0 is any, until Envoy has taken one.
        owner, owner_kind: who ends the site: a command `foldline serve`, or a task.
        request_timeout_s: after which Envoy answers 504 in the server's place.
        envoy: None before it was started.
        champion, challenger: names of arms.
        percent: the challenger's share as last asked for and seen.
        mirror_percent: the share of the champion's requests that is copied to the challenger.
        started: number of arms so far.
    """

    model_name: str
    store_uri: str
    host: str
    port: int
    owner: Process
    owner_kind: str
    request_timeout_s: float
    envoy: Process | None = None
    champion: str | None = None
    challenger: str | None = None
    percent: float = 0.0
    mirror_percent: float = 0.0
    started: int = 0
    arms: dict[str, Arm] = field(default_factory=dict)

    def arm(self, name: str | None) -> Arm | None:
        """The arm of this name; None of None."""
        return self.arms[name] if name is not None else None

    def with_arm(self, arm: Arm) -> "State":
        return replace(self, arms={**self.arms, arm.name: arm})

    def without_arm(self, name: str) -> "State":
        return replace(self, arms={other: arm for other, arm in self.arms.items() if other != name})

    def to_json(self) -> dict[str, Any]:
        return {"form": FORM, **asdict(self)}

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError where the content has another form."""
        if content.pop("form") != FORM:
            raise ValueError("another form")
        for name in ("owner", "envoy"):
            content[name] = Process(**content[name]) if content[name] is not None else None
        content["arms"] = {
            name: Arm(**{**arm, "process": Process(**arm["process"])}) for name, arm in content["arms"].items()
        }
        return cls(**content)


def default_folder(store_uri: str, model_name: str) -> Path:
    """Where the site of a model of a store keeps its state: below FOLDLINE_HOME, or the user's state folder.

    Where the user has none that can be written, as in a pod, it lies below the folder for temporary files.
    """
    address = urlsplit(store_uri)
    if address.scheme == "file":
        place = unquote(address.path)
    else:
        place = store_uri.rstrip("/") if address.scheme else str(Path(store_uri).absolute())
    return _home() / "sites" / f"{model_name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def _home() -> Path:
    if "FOLDLINE_HOME" in os.environ:
        return Path(os.environ["FOLDLINE_HOME"]).absolute()
    stated = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    home = Path(stated).absolute() / "foldline"
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    return home if os.access(existing, os.W_OK | os.X_OK) else Path(tempfile.gettempdir()) / f"foldline-{os.getuid()}"


def read(folder: Path) -> State | None:
    """The site's state; None where there is none.

    Raises:
        ServingError: the file holds something else.
    """
    try:
        return State.of_json(json.loads((folder / STATE).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise ServingError(
            f"site {folder / STATE}",
            expected="the state of a site, as this version of Foldline writes it",
            got=f"{type(fault).__name__}: {fault}",
            fix="End the processes that it names and remove the folder.",
        ) from None


def write(folder: Path, state: State) -> None:
    """Replace the site's state."""
    replace_file(folder / STATE, json.dumps(state.to_json(), indent=1).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Give a file new content in one step: the old one or the new one is there, after a loss of power too."""
    incoming = path.with_name(f".{path.name}.incoming")
    with incoming.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    incoming.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def held(folder: Path, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Keep everybody else from changing the site; given back when the process ends, however it does.

    Raises:
        ServingError: somebody else has kept it for two minutes, or its folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "A folder of another user", str(folder))
    except OSError as fault:
        raise ServingError(
            f"folder {folder} for a site's state",
            expected="a folder of this user, or one that can be made",
            got=f"{fault.strerror}: {fault.filename}",
            fix="Set FOLDLINE_HOME to a folder of yours.",
        ) from None
    deadline = clock() + LOCK_S
    with (folder / "lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock() >= deadline:
                    raise ServingError(
                        f"site {folder}", expected=f"free within {LOCK_S:g} s", got="another process that changes it"
                    ) from None
                time.sleep(POLL_S)
        yield
