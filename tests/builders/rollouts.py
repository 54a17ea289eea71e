"""Rollouts of small servers behind a real Envoy, with users who ask all the time, and what they come to."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders import models, sites
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.backend import NotReadyError, Server, Split
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rolling_out import Place, roll_out
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.site import processes
from foldline.serving.site.owning import begin, description, serving
from foldline.serving.site.replay import Replay
from foldline.serving.site.site import Site
from foldline.serving.site.state import COMMAND
from foldline.store import CHAMPION, Store, open_store

FIRST_LOOK = ".* requests of it: .*"
# A burst cannot decide at 50 %: a window multiplies the evidence by 2 at most.
HALF = [{"percent": 50, "min_s": 0, "min_requests": 20}]


def policy(*gates: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One step of a half with these gates."""
    return {"steps": HALF, "gates": list(gates), "look_s": 0.5, "deadline_s": 180, **changed}


class Rollouts:
    """A site that a command serves, its store, and the rollouts on it, each of a version of its own.

    Args:
        faults: of the champion's server; see builders/arm.py.
    """

    def __init__(self, folder: Path, *faults: str, request_timeout_s: float = 30.0) -> None:
        self.folder, self._faults = folder, {"": faults}
        self.store: Store = open_store(str(folder / "models"))
        self.champion = self.version()
        self._faults[self.champion] = faults
        self.store.set_alias("late", CHAMPION, self.champion, expected=None)
        self._timeout_s = request_timeout_s
        self.site: Site = self.begin()
        self.lines: list[str] = []
        self._event: tuple[str, Callable[[], object]] | None = None

    def begin(self) -> Site:
        """The site with the champion alone."""
        asked = description("late", "models", kind=COMMAND, request_timeout_s=self._timeout_s)
        return begin(self.folder / "site", asked, self._arm(self.champion), sites.READY_S)

    def version(self) -> str:
        """A version of the store that was never served."""
        name = str(len(self._faults) + len(list(self.folder.glob("made-*"))))
        return self.store.register("late", models.unloadable(self.folder / f"made-{name}", name).path)

    def roll_out(
        self, challenger: str, *faults: str, wait_s: float = 60.0, ready_s: float = sites.READY_S, **given: Any
    ) -> Record:
        """Roll it out against the champion; `given` is the policy."""
        self._faults[challenger] = faults
        return roll_out(
            Place(FileKeeper(self.site.folder), lambda *versions: self._served(*versions, ready_s)),
            self.store,
            "late",
            challenger=challenger,
            champion=self.champion,
            policy=Policy.parse(given),
            wait_s=wait_s,
            examine=examining(ready_s),
            say=self._say,
            note=lambda _: None,
        )

    def at(self, line: str, event: Callable[[], object]) -> None:
        """Let `event` happen when the next rollout says such a line; see FIRST_LOOK."""
        self._event = (line, event)

    def users(self, per_s: float = 200.0) -> Replay:
        return sites.load(self.site, per_s)

    def remembered(self) -> Record:
        record = FileKeeper(self.site.folder).load()
        assert record is not None
        return record

    def crowned(self, version: str) -> None:
        """Take the version for the champion of what comes next."""
        self.champion = version

    def serves(self, version: str) -> None:
        """Fail unless the version is the champion everywhere, and alone."""
        state = self.site.state()
        assert [arm.version for arm in state.arms.values()] == [version], state
        assert len(processes.marked(self.site.folder)) == 2, "Envoy and one server"
        assert self.store.alias("late", CHAMPION) == version
        answers: Counter[str] = Counter()
        for (_, by), count in sites.sent(self.site, 40).items():
            answers[by] += count
        assert set(answers) == {version}, answers

    def end(self) -> None:
        self.site.end()

    def _say(self, line: str) -> None:
        self.lines.append(line)
        if self._event is not None and re.fullmatch(self._event[0], line):
            event, self._event = self._event[1], None
            event()

    def _arm(self, version: str) -> Any:
        return sites.arm(version, *self._faults[version])

    @contextmanager
    def _served(self, challenger: str, champion: str, ready_s: float) -> Iterator[Split]:
        beside = self._arm(champion)
        with serving(self.site.folder, "late", "models", beside, sites.READY_S, challenger=challenger) as site:
            yield LocalSplit(site, self._arm(challenger), timeout_s=ready_s)


def examining(ready_s: float) -> Callable[[Server, str], list[str]]:
    """What a rollout asks a server before it gets traffic: here only whether it is ready."""

    def examine(server: Server, _: str) -> list[str]:
        try:
            server.wait_ready(ready_s)
        except ServingError as fault:
            raise NotReadyError(fault.what, expected=fault.expected, got=fault.got) from None
        return []

    return examine


def ended(record: Record, phase: str, said: str, *, final: bool) -> None:
    """Fail unless the rollout ended so, for a reason that says so."""
    reason = (record.reasons or ("",))[0] if phase == "reverted" else "; ".join(record.judged.get("reasons", []))
    assert (record.phase, record.final) == (phase, final), (record.phase, record.final, reason)
    assert re.search(said, reason), reason
