"""A task that is killed while the earlier champion stands by: the next one goes on with what the bake has shown."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from builders import models, sites
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.site.owning import begin, description
from foldline.serving.site.state import COMMAND
from foldline.store import open_store

TESTS = Path(sites.__file__).parents[1]
# The challenger fails from its promotion on. With "kill", the task ends when it remembers as much evidence as one look
# can give, which is half of what decides (in logarithms).
DRIVER = """
import json, math, os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from builders import sites
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rolling_out import Place, roll_out
from foldline.serving.site.owning import serving
from foldline.store import open_store

folder, store_uri, challenger, champion, broken, kill = json.loads(sys.argv[1])
policy = Policy.parse({
    "steps": [{"percent": 50, "min_s": 0, "min_requests": 5}], "look_s": 0.2, "bake_s": 600, "deadline_s": 6000,
    "gates": [{"signal": "errors", "tolerance": 0.3}],
})

class Keeper(FileKeeper):
    def save(self, record):
        super().save(record)
        if record.phase == "baking":
            Path(broken).touch()
        if record.bake:
            print("evidence", record.bake["evidence"][0][0], flush=True)
            if kill and record.bake["evidence"][0][0] > 0.49 * math.log(1 / policy.alpha):
                os.kill(os.getpid(), signal.SIGKILL)

@contextmanager
def served(challenger, champion):
    with serving(Path(folder), "late", store_uri, sites.arm(champion), 60.0, challenger=challenger) as site:
        yield LocalSplit(site, sites.arm(challenger, "--broken-by", broken), timeout_s=60.0)

def examine(server, prefix):
    server.wait_ready(60.0)
    return []

roll_out(
    Place(Keeper(Path(folder)), served), open_store(store_uri), "late", challenger=challenger, champion=champion,
    policy=policy, wait_s=60.0, examine=examine, say=print, note=lambda record: None,
)
"""


def test_the_evidence_of_a_bake_survives_its_task(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "models"))
    champion, challenger = (
        store.register("late", models.unloadable(tmp_path / name, name).path) for name in ("old", "new")
    )
    store.set_alias("late", "champion", champion, expected=None)
    site = begin(tmp_path / "site", description("late", "models", kind=COMMAND), sites.arm(champion), sites.READY_S)

    def task(*, kill: bool) -> subprocess.CompletedProcess[str]:
        given = [str(site.folder), store.uri, challenger, champion, str(tmp_path / "broken"), kill]
        command = [sys.executable, "-c", DRIVER, json.dumps(given)]
        return subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=300)

    try:
        with sites.load(site, 200.0):
            killed = task(kill=True)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            left = FileKeeper(site.folder).load()
            assert left is not None
            assert (left.phase, store.alias("late", "champion")) == ("baking", challenger)
            ((trials, events),), ((evidence, _),) = left.bake["total"], left.bake["evidence"]
            ended = task(kill=False)
            assert ended.returncode == 0, ended.stderr
        record = FileKeeper(site.folder).load()
        assert record is not None
        assert (record.phase, record.verdict) == ("reverted", "rollback")
        ((all_trials, all_events),) = record.bake["total"]
        assert (all_trials > trials, all_events > events) == (True, True)
        found, first, *_ = (line for line in ended.stdout.splitlines() if line.startswith("evidence "))
        assert float(found.split()[1]) == evidence
        assert float(first.split()[1]) > evidence, "a bake that began anew has no more after its first look"
        assert record.reasons == (f"errors: {all_events} of {all_trials} since promotion, at most 30.000% tolerated",)
        assert store.alias("late", "champion") == champion
        assert {version for _, version in sites.sent(site, 30)} == {champion}
    finally:
        site.end()
