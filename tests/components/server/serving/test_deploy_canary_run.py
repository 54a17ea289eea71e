"""deploy_canary: the champion changes only after a real server gave the right answers."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models
from builders.canary import arguments, begun, compared, deploy, predicted
from foldline.artifacts import Dataset, Decision, Model, Predictions
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ArgumentError, ArtifactError, FoldlineError, ServingError, StoreError
from foldline.predictor import Predictor
from foldline.store import Store, open_store, version_of

SHORT = {
    "steps": [{"percent": 50, "min_s": 0, "min_requests": 20}],
    "gates": [{"signal": "errors", "tolerance": 0.05}],
    "look_s": 0.5,
}


def champion(store: Store, out: Path, kind: str = "binary") -> str:
    """Version of a model that is the champion of the store."""
    version = store.register("late", models.model(out / "champion", [1, 2], kind, weight=0.5).path)
    store.set_alias("late", "champion", version, expected=None)
    return version


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_challenger_that_answers_rightly_becomes_the_champion(dataset: Dataset, tmp_path: Path, kind: str) -> None:
    model = models.model(tmp_path / "model", [1, 2, 3], kind)
    decision = deploy(dataset, model, tmp_path)
    assert (decision.subject, decision.verdict) == ("canary", "promote")
    assert open_store(str(tmp_path / "store")).alias("late", "champion") == version_of(model.digest)
    figures = decision.figures
    assert (figures["requests"], figures["wrong"]) == (10, 0)
    assert figures["largest_difference"] < 1e-5
    assert 0 < figures["latency_p50_ms"] <= figures["latency_p99_ms"]
    assert "is the champion" in (tmp_path / "report.html").read_text()

    again = deploy(
        dataset,
        model,
        tmp_path / "again",
        store_uri=str(tmp_path / "store"),
        predictions=Predictions.read(tmp_path / "predictions"),
        comparison=tmp_path / "comparison",
    )
    assert (again.verdict, "requests" in again.figures) == ("promote", False)
    assert len(open_store(str(tmp_path / "store")).history("late")) == 1


def test_a_comparison_that_keeps_the_champion_deploys_nothing(dataset: Dataset, model: Model, tmp_path: Path) -> None:
    decision = deploy(dataset, model, tmp_path, comparison=compared(model, tmp_path / "keep", "keep"))
    assert decision.verdict == "keep"
    assert decision.reasons[1:] == ("Because the test says so.",)
    assert not (tmp_path / "store").exists()


def test_the_champion_that_was_compared_gives_way(dataset: Dataset, model: Model, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    old = champion(store, tmp_path)
    decision = deploy(dataset, model, tmp_path, champion=old, policy=SHORT)
    assert decision.figures["champion_version_before"] == old
    assert decision.figures["requests_of_challenger"] >= 20
    assert [event["what"] for event in decision.figures["events"]] == [
        "step 1 of 1: 50 % to the challenger",
        "all gates are satisfied",
        f"version {version_of(model.digest)} is the champion",
        "the rollout is over",
    ]
    assert "Evidence over time" in (tmp_path / "report.html").read_text()
    assert [move.version for move in store.history("late")] == [old, version_of(model.digest)]
    assert store.rollback("late") == (version_of(model.digest), old)


def test_a_challenger_that_only_users_find_broken_is_rolled_back_on_evidence(dataset: Dataset, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    old = champion(store, tmp_path, "regression")
    # Right for the test rows; a distance that none of them has is too much for its weight.
    model = models.model(tmp_path / "model", [1, 2, 3], "regression", weight=1e36)
    traffic = tmp_path / "traffic.csv"
    traffic.write_text("distance,seats,night,departure,carrier\n5000,1,true,2013-10-01 05:00:00,UA\n")
    changed = {"champion": old, "policy": SHORT, "traffic_uri": str(traffic)}
    said = r"expected a challenger that its gates let pass, got errors: the challenger is worse: (\d+) of \1 \(5xx"
    with pytest.raises(ServingError, match=said):
        deploy(dataset, model, tmp_path, **changed)
    decision = Decision.read(tmp_path / "decision")
    assert (decision.verdict, decision.figures["phase"], decision.figures["wrong"]) == ("rollback", "reverted", 0)
    assert [gate["worse"] for gate in decision.figures["gates"]] == [True]
    assert store.alias("late", "champion") == old

    again = {"predictions": Predictions.read(tmp_path / "predictions"), "comparison": tmp_path / "comparison"}
    with pytest.raises(ServingError, match=said):
        deploy(dataset, model, tmp_path / "again", store_uri=store.uri, **again, **changed)
    assert "requests" not in Decision.read(tmp_path / "again" / "decision").figures, "it was not begun again"


def nan_model(dataset: Dataset, out: Path) -> dict[str, Any]:
    model = models.model(out / "nan", [1], bias=float("nan"))
    return {"model": model, "predictions": predicted(dataset, model, out / "p", predictions=np.full((100, 1), 0.5))}


def other_answers(dataset: Dataset, out: Path) -> dict[str, Any]:
    model = models.model(out / "other", [1])
    wrong = Predictor(model).predict(
        tensors_from_table(dataset.table().slice(dataset.rows // 2), model.signature)
    ) + np.float32(0.01)
    return {"model": model, "predictions": predicted(dataset, model, out / "p", predictions=wrong)}


def not_loadable(dataset: Dataset, out: Path) -> dict[str, Any]:
    model = models.unloadable(out / "nonsense")
    return {"model": model, "predictions": predicted(dataset, model, out / "p", predictions=np.full((100, 1), 0.5))}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nan_model, "9 wrong; first golden request 0: status 500: .*expected finite numbers"),
        (other_answers, r"8 wrong; first golden request 0: differs from the recorded prediction by 0\.01"),
        (not_loadable, "ended with exit code 1; it last said: SavedModel .* expected one that TensorFlow loads"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_challenger_is_rolled_back_and_the_task_fails(
    dataset: Dataset, tmp_path: Path, made: Any, said: str
) -> None:
    store = open_store(str(tmp_path / "store"))
    old = champion(store, tmp_path)
    changed = made(dataset, tmp_path)
    model = changed.pop("model")
    with pytest.raises(ServingError, match=said):
        deploy(dataset, model, tmp_path, champion=old, **changed)
    decision = Decision.read(tmp_path / "decision")
    assert decision.verdict == "rollback"
    assert decision.reasons[0].startswith("The champion stays: ")
    assert "What was wrong" in (tmp_path / "report.html").read_text()
    assert store.alias("late", "champion") == old
    assert len(store.history("late")) == 1


def test_a_server_that_is_not_ready_in_time_is_told(dataset: Dataset, model: Model, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"after 0\.2 s it was loading the model; it last said: "):
        deploy(dataset, model, tmp_path, timeout_s=0.2)
    assert Decision.read(tmp_path / "decision").verdict == "rollback"
    assert open_store(str(tmp_path / "store")).alias("late", "champion") is None


def test_a_champion_that_changed_since_the_comparison_is_not_replaced(
    dataset: Dataset, model: Model, tmp_path: Path
) -> None:
    store = open_store(str(tmp_path / "store"))
    other = store.register("late", models.unloadable(tmp_path / "other").path)
    store.set_alias("late", "champion", other, expected=None)
    with pytest.raises(StoreError, match=f"expected nothing, as when the comparison was made, got {other}"):
        deploy(dataset, model, tmp_path)
    assert store.alias("late", "champion") == other
    assert not (tmp_path / "store" / "late" / "versions" / version_of(model.digest)).exists()


def test_a_champion_that_changes_during_the_canary_is_not_replaced(dataset: Dataset, tmp_path: Path) -> None:
    model = models.model(tmp_path / "slow", [1], delay_ms=100)
    predictions = predicted(dataset, model, tmp_path / "predictions")
    store = open_store(str(tmp_path / "store"))
    other = store.register("late", models.unloadable(tmp_path / "other").path)

    def interfere() -> None:
        while not (tmp_path / "store" / "late" / "versions" / version_of(model.digest)).exists():
            time.sleep(0.01)
        store.set_alias("late", "champion", other, expected=None)

    rival = threading.Thread(target=interfere)
    rival.start()
    with pytest.raises(StoreError, match=f"got {other}"):
        deploy(dataset, model, tmp_path, predictions=predictions)
    rival.join()
    assert store.alias("late", "champion") == other
    decision = Decision.read(tmp_path / "decision")
    assert (decision.verdict, decision.figures["wrong"]) == ("keep", 0)
    assert "Somebody else moved it" in decision.reasons[0]


def test_sigterm_ends_the_server_and_leaves_the_champion(dataset: Dataset, tmp_path: Path) -> None:
    model = models.model(tmp_path / "slow", [1], delay_ms=300)
    process = begun(arguments(dataset, model, tmp_path, smoke_rows=100))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    servers: list[str] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not servers:
        servers = [pid for pid in children.read_text().split() if b"serving.server" in _command(pid)]
        time.sleep(0.05)
    (server,) = servers
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143, process.communicate()[1]
    assert not Path(f"/proc/{server}").exists()
    assert open_store(str(tmp_path / "store")).alias("late", "champion") is None
    assert not (tmp_path / "decision").exists()


def _command(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"smoke_rows": 0}, ArgumentError, "smoke_rows: expected at least 1"),
        ({"timeout_s": 0.0}, ArgumentError, "timeout_s: expected a number of seconds"),
        (
            {"backend": "raw"},
            ArgumentError,
            "backend: expected local or auto or route or knative or kserve or standard",
        ),
        ({"backend": "standard"}, ArgumentError, "store_uri: expected a bucket"),
        ({"traffic_per_s": -1.0}, ArgumentError, "traffic_per_s: expected a number of requests above 0"),
        ({"serving_namespace": "team"}, ArgumentError, "serving_namespace: expected nothing with backend local"),
        ({"route": {"gateway": "a/b"}}, ArgumentError, "route: expected nothing with backend local"),
        ({"policy": {"alfa": 0.1}}, ArgumentError, "policy: expected no keys but .*alpha.*, got 'alfa'"),
        ({"traffic_uri": "gone.csv"}, ArgumentError, "traffic_uri: expected a file"),
        (
            {"backend": "route", "traffic_uri": "rows.csv"},
            ArgumentError,
            "traffic_uri: expected nothing with backend route, whose traffic is that of its users",
        ),
        (
            {"backend": "kserve", "policy": {"alpha": 0.1}},
            ArgumentError,
            "policy: expected nothing with backend kserve, which splits no traffic",
        ),
        (
            {"backend": "route", "store_uri": "s3://b/models", "route": {"gatway": "a/b"}},
            ArgumentError,
            "route: expected no keys but gateway, .*, got 'gatway'",
        ),
        (
            {"backend": "route", "store_uri": "s3://b/models", "route": {"gateway": 1}},
            ArgumentError,
            r"route\.gateway: expected text, got 1",
        ),
        *(
            ({"backend": "knative", "store_uri": "s3://b/models", **given}, ArgumentError, said)
            for given, said in (
                ({"route": {"gateway": "a/b"}}, r"route\.gateway: expected nothing with backend knative"),
                ({"policy": {"steps": [{"percent": 0.5}]}}, r"policy\.steps\.percent: expected whole numbers"),
                ({"policy": {"mirror_percent": 5}}, r"policy\.mirror_percent: .* Leave it out"),
                (
                    {"route": {"inference_service": {"minReplicas": 0}}},
                    r"inference_service\.minReplicas: expected at least 1 with backend knative",
                ),
            )
        ),
        ({"model_name": "delay"}, ArtifactError, r"field figures\.model_name .* expected delay, got 'late'"),
    ],
    ids=str,
)
def test_a_parameter_that_does_not_fit_is_named(
    dataset: Dataset, model: Model, tmp_path: Path, changed: dict[str, Any], error: type[FoldlineError], said: str
) -> None:
    with pytest.raises(error, match=said):
        deploy(dataset, model, tmp_path, **changed)
    assert not (tmp_path / "store").exists()


def test_artifacts_of_another_challenger_are_refused(dataset: Dataset, model: Model, tmp_path: Path) -> None:
    other = models.model(tmp_path / "other", [1], weight=0.2)
    with pytest.raises(ArtifactError, match=r"field figures\.challenger_digest"):
        deploy(dataset, model, tmp_path / "a", comparison=compared(other, tmp_path / "c"))
    with pytest.raises(ArtifactError, match=r"field origin\.model"):
        deploy(dataset, model, tmp_path / "b", predictions=predicted(dataset, other, tmp_path / "p"))
    Decision("canary", "promote", (), {}, {}).write(tmp_path / "canary")
    with pytest.raises(ArtifactError, match="field subject"):
        deploy(dataset, model, tmp_path / "d", comparison=tmp_path / "canary")
