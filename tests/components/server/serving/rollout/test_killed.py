"""A task that is killed before or after any transition of a rollout: the next one ends it as if nothing was."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builders import models, sites
from foldline.errors import ServingError
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.site.owning import begin, description
from foldline.serving.site.replay import Replay
from foldline.serving.site.site import Site
from foldline.serving.site.state import COMMAND
from foldline.store import Store, open_store

TESTS = Path(sites.__file__).parents[1]
# Each line is a task, which a fork of this process runs; it is killed before or after it has remembered its n-th
# transition, or asked to end there.
DRIVER = """
import json, os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from builders import sites
from foldline.ending import ended_in_order
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rolling_out import Place, roll_out
from foldline.serving.site.owning import serving
from foldline.store import open_store

POLICY = Policy.parse({
    "steps": [{"percent": 20, "min_s": 0, "min_requests": 5}, {"percent": 60, "min_s": 0, "min_requests": 5}],
    "gates": [{"signal": "errors", "tolerance": 0.3}], "look_s": 0.2, "bake_s": 0.2, "deadline_s": 600,
})

def task(folder, store_uri, challenger, champion, when, last, faults):
    save, seen = FileKeeper.save, []

    def counted(self, record):
        moved = not seen or seen[-1] != (record.phase, record.step)
        if moved:
            seen.append((record.phase, record.step))
        if moved and len(seen) == last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, record)
        if moved and len(seen) == last:
            os.kill(os.getpid(), signal.SIGTERM if when == "asked" else signal.SIGKILL)

    @contextmanager
    def served(challenger, champion):
        beside = sites.arm(champion)
        with serving(Path(folder), "late", store_uri, beside, 60.0, challenger=challenger) as site:
            yield LocalSplit(site, sites.arm(challenger, *faults), timeout_s=60.0)

    def examine(server, prefix):
        server.wait_ready(60.0)
        return []

    FileKeeper.save = counted
    with ended_in_order():
        roll_out(
            Place(FileKeeper(Path(folder)), served), open_store(store_uri), "late", challenger=challenger,
            champion=champion, policy=POLICY, wait_s=60.0, examine=examine, say=lambda line: None,
            note=lambda record: None,
        )

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        task(*json.loads(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[str]]:
    folder = tmp_path_factory.mktemp("store")
    store = open_store(str(folder / "models"))
    made = [models.model(folder / str(seed), [1, 2], weight=seed) for seed in (1.0, 2.0)]
    return store, [store.register("late", model.path) for model in made]


class Machine:
    """A site that a command serves, its store, and tasks that roll out on it."""

    def __init__(self, site: Site, store: Store, faults: list[str]) -> None:
        self.site, self.store, self.faults = site, store, faults
        command = [sys.executable, "-c", DRIVER]
        self._driver = subprocess.Popen(
            command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def task(self, challenger: str, champion: str, when: str = "", transition: int = 0) -> str:
        """Run a task; the phase that it left, empty where it was killed or asked to end."""
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        given = [str(self.site.folder), self.store.uri, challenger, champion, when, transition, self.faults]
        print(json.dumps(given), file=self._driver.stdin, flush=True)
        status = self._driver.stdout.readline().strip()
        assert status in ("0", "143", str(-signal.SIGKILL)), (status, self.end())
        record = FileKeeper(self.site.folder).load()
        return record.phase if status == "0" and record is not None else ""

    def end(self) -> str:
        """End driver and site; what the driver's tasks complained of."""
        said = self._driver.communicate(timeout=60)[1]
        self.site.end()
        return said

    def seen_by_users(self) -> set[str]:
        return {version for _, version in sites.sent(self.site, 60)}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rollout_is_promoted_without_a_failed_request_whenever_its_task_is_killed(
    when: str, versions: tuple[Store, list[str]], tmp_path: Path
) -> None:
    store, (champion, challenger) = versions
    store.set_alias("late", "champion", champion, expected=store.alias("late", "champion"))
    machine = Machine(_begun(tmp_path, champion), store, [])
    transition, killed = 1, True
    try:
        with _users(machine.site) as users:
            while killed:
                killed = machine.task(challenger, champion, when, transition) == ""
                if killed:
                    assert machine.task(challenger, champion) == "promoted"
                assert store.alias("late", "champion") == challenger
                assert machine.seen_by_users() == {challenger}
                assert [arm.version for arm in machine.site.state().arms.values()] == [challenger]
                (machine.site.folder / "rollout.json").unlink()
                champion, challenger = challenger, champion
                transition += 1
            answers = users.answers()
        # Examining, two steps, promoting, baking, settling, promoted, and a last round without a kill.
        assert transition - 1 == 8
        assert {status for status, _ in answers} == {200}, answers
    finally:
        machine.end()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failing_challenger_is_taken_back_whenever_its_task_is_killed(
    when: str, versions: tuple[Store, list[str]], tmp_path: Path
) -> None:
    store, (champion, challenger) = versions
    store.set_alias("late", "champion", champion, expected=store.alias("late", "champion"))
    machine = Machine(_begun(tmp_path, champion), store, ["--errors", "0.9"])
    transition, killed = 1, True
    try:
        with _users(machine.site):
            while killed:
                killed = machine.task(challenger, champion, when, transition) == ""
                if killed:
                    assert machine.task(challenger, champion) == "reverted"
                record = FileKeeper(machine.site.folder).load()
                assert record is not None
                assert (record.phase, record.final, record.verdict) == ("reverted", True, "rollback")
                assert "errors: the challenger is worse" in record.reasons[0]
                assert store.alias("late", "champion") == champion
                assert machine.seen_by_users() == {champion}
                assert machine.task(challenger, champion) == "reverted", "a second run begins nothing"
                assert FileKeeper(machine.site.folder).load() == record
                (machine.site.folder / "rollout.json").unlink()
                transition += 1
        assert transition - 1 >= 5
    finally:
        machine.end()


def test_a_task_that_is_asked_to_end_leaves_one_champion_and_no_failed_request(
    versions: tuple[Store, list[str]], tmp_path: Path
) -> None:
    store, (champion, challenger) = versions
    store.set_alias("late", "champion", champion, expected=store.alias("late", "champion"))
    machine = Machine(_begun(tmp_path, champion), store, [])
    transition, asked = 1, True
    try:
        with _users(machine.site) as users:
            while asked:
                asked = machine.task(challenger, champion, "asked", transition) == ""
                record = FileKeeper(machine.site.folder).load()
                assert record is not None
                # Before the alias moves it goes back, and after that the next task ends it.
                moved = store.alias("late", "champion") == challenger
                assert record.phase in (("baking", "settling", "promoted") if moved else ("reverted",))
                assert machine.seen_by_users() == {challenger if moved else champion}
                if not moved:
                    assert (record.verdict, record.final) == ("keep", False)
                    assert [arm.version for arm in machine.site.state().arms.values()] == [champion]
                if asked:
                    assert machine.task(challenger, champion) == "promoted"
                assert machine.seen_by_users() == {challenger}
                (machine.site.folder / "rollout.json").unlink()
                champion, challenger = challenger, champion
                transition += 1
            answers = users.answers()
        assert transition - 1 == 8
        assert {status for status, _ in answers} == {200}, answers
    finally:
        machine.end()


def test_what_a_killed_task_left_is_ended_before_the_next_challenger(
    versions: tuple[Store, list[str]], tmp_path: Path
) -> None:
    store, (champion, challenger) = versions
    store.set_alias("late", "champion", champion, expected=store.alias("late", "champion"))
    third = store.register("late", models.model(tmp_path / "third", [1, 2], weight=3.0).path)
    machine = Machine(_begun(tmp_path, champion), store, [])
    try:
        with _users(machine.site) as users:
            # Killed when the challenger had all traffic and the alias, and the earlier champion still stood by.
            assert machine.task(challenger, champion, "after", 5) == ""
            assert store.alias("late", "champion") == challenger
            assert machine.task(third, challenger) == "promoted"
            assert machine.seen_by_users() == {third}
            assert {status for status, _ in users.answers()} == {200}
    finally:
        machine.end()


def _begun(folder: Path, champion: str) -> Site:
    try:
        return begin(folder / "site", description("late", "models", kind=COMMAND), sites.arm(champion), sites.READY_S)
    except ServingError:
        Site(folder / "site").end()
        raise


def _users(site: Site) -> Replay:
    return sites.load(site, 200.0)
