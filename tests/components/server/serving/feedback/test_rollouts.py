"""Rollouts with real servers behind a real Envoy, whose requests are told of later."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models
from builders.canary import compared, deploy, predicted
from builders.feedback import Told
from foldline.artifacts import Dataset, Decision, Model, Predictions
from foldline.errors import ServingError
from foldline.store import Store, open_store, version_of

GATES = [{"signal": "errors", "tolerance": 0.05}]
STEPS = [{"percent": 50, "min_s": 0, "min_requests": 20}]


class Lab:
    """A store with a champion, and a challenger."""

    def __init__(self, folder: Path, dataset: Dataset, weight: float) -> None:
        self.folder, self._dataset = folder, dataset
        self.store: Store = open_store(str(folder / "store"))
        self.champion = self.store.register("late", models.model(folder / "old", [1, 2], weight=1.5).path)
        self.store.set_alias("late", "champion", self.champion, expected=None)
        self.challenger: Model = models.model(folder / "new", [1, 2], weight=weight, name="new")
        predicted(dataset, self.challenger, folder / "predictions")
        compared(self.challenger, folder / "comparison", champion=self.champion)
        self.told = Told(folder)

    def deploy(self, out: str, **policy: Any) -> Decision:
        stated = {"gates": GATES, "steps": STEPS, "look_s": 0.5, "deadline_s": 900} | policy
        stated["feedback"] = self.told.settings
        return deploy(
            self._dataset,
            self.challenger,
            self.folder / out,
            policy=stated,
            store_uri=self.store.uri,
            predictions=Predictions.read(self.folder / "predictions"),
            comparison=self.folder / "comparison",
            timeout_s=300.0,
        )


def test_an_effect_that_is_known_later_is_reported_by_the_next_run(dataset: Dataset, tmp_path: Path) -> None:
    lab = Lab(tmp_path, dataset, 1.2)
    policy = {"mode": "ab", "ab_s": 12}
    first = lab.deploy("first", **policy)
    assert (first.verdict, first.reasons[0]) == ("keep", "The split was held for 12 s.")
    assert "no interval: table" in first.reasons[1]
    assert "got none so far" in first.reasons[1]
    assert lab.store.alias("late", "champion") == lab.champion
    random = np.random.default_rng(1)
    requests, new = lab.told.logged(), version_of(lab.challenger.digest)
    # More requests than a loaded machine may have sent, of both arms, as if each had a row of its own.
    assert {version for version, _ in requests.values()} == {lab.champion, new}
    lab.told.tell({request: random.normal(5.0 * (version == new), 1.0) for request, (version, _) in requests.items()})
    again = lab.deploy("again", **policy)
    effect = again.figures["effect"]
    counts = effect["rows_champion"], effect["rows_challenger"]
    assert min(counts) > 0
    assert again.verdict == "keep"
    if min(counts) < 200:
        pytest.skip(f"this machine has sent too few requests in 12 s: {counts}")
    width = effect["high"] - effect["low"]
    assert 0 < width < 0.6
    # Six standard errors.
    assert abs(effect["difference"] - 5.0) < 1.5 * width
    assert again.reasons[1].startswith("Effect on value: +")
    assert "Welch" in (tmp_path / "again" / "report.html").read_text()


def test_a_split_that_the_policy_holds_stays(dataset: Dataset, tmp_path: Path) -> None:
    lab = Lab(tmp_path, dataset, 1.2)
    decision = lab.deploy("out", mode="ab", ab_s=1, ab_then="hold")
    assert decision.verdict == "hold"
    assert "The split was held for 1 s. Effect on value: no interval" in decision.reasons[0]


def test_labels_that_arrive_after_promotion_take_a_worse_model_back(dataset: Dataset, tmp_path: Path) -> None:
    lab = Lab(tmp_path, dataset, -1.5)
    said = r"labels: the promoted model is wrong more often: beside each other \d+ of \d+, champion \d+ of \d+"
    with lab.told.labels_arrive(), pytest.raises(ServingError, match=said):
        lab.deploy("out", bake_s=800)
    assert Decision.read(tmp_path / "out" / "decision").verdict == "rollback"
    assert lab.store.alias("late", "champion") == lab.champion
    assert [move.version for move in lab.store.history("late")][-1] == lab.champion


def test_a_bake_without_labels_ends_with_these_words_and_not_as_fine(dataset: Dataset, tmp_path: Path) -> None:
    lab = Lab(tmp_path, dataset, 1.2)
    decision = lab.deploy("out", bake_s=2)
    assert decision.verdict == "promote"
    (end,) = [event["what"] for event in decision.figures["events"] if "stood the time" in event["what"]]
    assert "labels: no evidence: table" in end
    assert end in decision.reasons
