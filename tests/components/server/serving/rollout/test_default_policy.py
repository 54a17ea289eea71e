"""The default gates with real servers, a real Envoy and requests all the time."""

from pathlib import Path

import pytest

from builders import models
from builders.canary import deploy
from foldline.artifacts import Dataset, Decision
from foldline.errors import ServingError
from foldline.store import open_store

# Only time is shortened; the gates and their error probabilities are the default ones, but for what a busy machine does
# to latencies: both arms are slow at times, and either may be so more often.
POLICY = {
    "steps": [{"percent": 50, "min_s": 0, "min_requests": 100}],
    "gates": [{"signal": signal} for signal in ("errors", "invalid", "refused", "drift")],
    "look_s": 1,
    "deadline_s": 1800,
}


def test_a_challenger_that_predicts_somewhat_differently_is_promoted(dataset: Dataset, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    old = store.register("late", models.model(tmp_path / "old", [1, 2], weight=1.5).path)
    store.set_alias("late", "champion", old, expected=None)
    challenger = models.model(tmp_path / "new", [1, 2], weight=1.3)
    decision = deploy(dataset, challenger, tmp_path, champion=old, policy=POLICY, traffic_per_s=400.0)
    assert decision.verdict == "promote"
    gates = {gate["name"]: gate for gate in decision.figures["gates"]}
    assert list(gates) == ["errors", "invalid", "refused", "drift"]
    assert {name for name, gate in gates.items() if gate["problem"]} == set(), "each is measured on this backend"
    assert gates["drift"]["trials"] > 0
    assert any(reason.startswith("drift: not required; little evidence of more") for reason in decision.reasons)
    assert "not required" in (tmp_path / "report.html").read_text()


def test_a_challenger_that_says_always_the_same_is_thrown_out(dataset: Dataset, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    old = store.register("late", models.model(tmp_path / "old", [1, 2], weight=1.5).path)
    store.set_alias("late", "champion", old, expected=None)
    constant = models.model(tmp_path / "new", [1, 2], weight=0.0, carrier_weight=0.0, bias=0.3)
    with pytest.raises(ServingError, match="got drift: the challenger differs: "):
        deploy(dataset, constant, tmp_path, champion=old, policy=POLICY, traffic_per_s=400.0)
    assert Decision.read(tmp_path / "decision").verdict == "rollback"
    assert store.alias("late", "champion") == old
