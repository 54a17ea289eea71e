"""Copies of requests through a real Envoy: what two servers said to them is compared."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models, sites
from builders.canary import deploy
from foldline.artifacts import Dataset, Decision, Model
from foldline.artifacts.signature import tensors_from_table
from foldline.predictor import Predictor
from foldline.serving.deploy_canary import smoke
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.deploy_canary.mirrored.comparing import Comparing
from foldline.serving.deploy_canary.mirrored.pairs import Said, same_class, within
from foldline.serving.reading import Reading
from foldline.serving.requests import ask
from foldline.serving.site.model_server import program
from foldline.serving.site.replay import Replay
from foldline.store import open_store

SIGMA = 4.0


def shadow(**gate: Any) -> dict[str, Any]:
    """Copies of half of the requests, compared; nothing is shifted."""
    return {
        "mode": "shadow",
        "mirror_percent": 50,
        "steps": [{"percent": 10, "min_s": 0, "min_requests": 20}],
        "gates": [{"signal": "disagreement", **gate}],
        "look_s": 0.5,
        "deadline_s": 600,
    }


def compared_with(dataset: Dataset, champion: Model, challenger: Model, out: Path, policy: dict[str, Any]) -> Decision:
    """The decision about a challenger whose champion is served beside it."""
    store = open_store(str(out / "store"))
    version = store.register("late", champion.path)
    store.set_alias("late", "champion", version, expected=None)
    decision = deploy(dataset, challenger, out, champion=version, policy=policy)
    assert store.alias("late", "champion") == version
    assert not any("10 % to the challenger" in event["what"] for event in decision.figures["events"])
    return decision


@pytest.mark.parametrize(
    ("kind", "gate"), [("binary", {"tolerance": 0.02}), ("regression", {"tolerance": 0.02, "apart": 0.01})]
)
def test_a_challenger_that_says_the_same_is_found_to_agree_and_the_champion_stays(
    dataset: Dataset, tmp_path: Path, kind: str, gate: dict[str, Any]
) -> None:
    champion, challenger = (models.model(tmp_path / name, [1, 2], kind, name=name) for name in ("old", "new"))
    decision = compared_with(dataset, champion, challenger, tmp_path, shadow(**gate))
    assert decision.verdict == "keep"
    assert decision.reasons[0] == "All gates are satisfied on copies of requests; mode shadow shifts none."
    (found,) = decision.figures["gates"]
    assert (found["events"], found["satisfied"]) == (0, True)
    assert found["trials"] >= 100
    assert found["upper_bound"] < 0.02


@pytest.mark.parametrize(("kind", "agree"), [("binary", same_class), ("regression", within(0.3))])
def test_answers_that_differ_are_counted_at_their_true_rate(
    dataset: Dataset, tmp_path: Path, kind: str, agree: Callable[[Said, Said], bool]
) -> None:
    champion = models.model(tmp_path / "old", [1, 2], kind)
    challenger = models.model(tmp_path / "new", [1, 2], kind, weight=1.0, bias=0.3)
    table = dataset.table()
    before, after = (
        Predictor(model).predict(tensors_from_table(table, model.signature))[:, 0] for model in (champion, challenger)
    )
    differ = np.abs(before - after) > 0.3 if kind == "regression" else (before >= 0.5) != (after >= 0.5)
    rate = float(differ.mean())
    assert 0.03 < rate < 0.9
    rows = smoke.records(table, champion.signature)
    with sites.site(tmp_path / "site", program("old", champion.path, "late")) as site:
        split = LocalSplit(site, program("new", challenger.path, "late"), timeout_s=600.0)
        split.start()
        split.mirror(50.0)
        comparing = Comparing(split.servers, agree)
        with Replay(*site.address(), "late", rows, 200.0):
            reading = _until(lambda: comparing.extended(split.read()), 500)
        assert (split.percent(), reading.problem) == (0.0, "")
        assert reading.compared is not None
        assert reading.disagreeing is not None
        spread = SIGMA * math.sqrt(rate * (1 - rate) / reading.compared)
        assert abs(reading.disagreeing / reading.compared - rate) <= spread
        users = site.address()
        assert ask(*users, "GET", "/answers?after=0").status == 404, "what others were told is not for users"


def test_a_server_that_tells_no_answers_is_named_and_gives_no_evidence(tmp_path: Path) -> None:
    with sites.site(tmp_path / "site") as site:
        split = sites.split(site)
        split.start().wait_ready(sites.READY_S)
        split.mirror(50.0)
        comparing = Comparing(split.servers, same_class)
        assert sites.sent(site, 50)
        reading = comparing.extended(split.read())
    assert (reading.compared, reading.disagreeing) == (0, 0)
    assert reading.problem.count("cannot be compared: status 404") == 2
    again = comparing.extended(Reading(1.0, None, None))
    assert (again.compared, "expected a site that runs" in again.problem) == (None, True)


def _until(read: Callable[[], Reading], compared: int) -> Reading:
    deadline = time.monotonic() + 300
    while (reading := read()).compared is None or reading.compared < compared:
        assert time.monotonic() < deadline, reading
        time.sleep(0.2)
    return reading
