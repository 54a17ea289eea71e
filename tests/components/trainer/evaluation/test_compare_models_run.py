"""compare_models: the champion keeps its place unless the challenger is shown to be better on rows unseen by both."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from builders import models
from foldline.artifacts import Decision, Model, Predictions, RawColumn
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ArgumentError, ArtifactError, ComparisonError, FoldlineError, StoreError
from foldline.evaluation.compare_models.run import run
from foldline.predictor import Predictor
from foldline.store import open_store


def predictions_of(held: Any, model: Model, path: Path, kind: str = "binary") -> Predictions:
    """The model's predictions of the test rows, in an order of their own."""
    table = held.dataset.table()
    rows = table.filter(np.isin(table["row_id"].to_numpy(), held.test)).sort_by("row_id")
    return Predictions.write(
        path,
        task=model.task,
        row_id=rows["row_id"].to_numpy(),
        fold=np.full(len(rows), -1),
        label=model.task.encode(rows[model.label]),
        prediction=Predictor(model).predict(tensors_from_table(rows, model.signature)),
        origin={
            "kind": "test",
            "model": model.digest,
            "dataset": held.dataset.digest,
            "folds": held.folds[kind].digest,
        },
    )


def compare(
    held: Any, challenger: Model, out: Path, kind: str = "binary", predicted: Predictions | None = None, **changed: Any
) -> tuple[Decision, dict[str, float]]:
    logged: dict[str, float] = {}
    predicted = predicted or predictions_of(held, challenger, out / "predictions", kind)
    arguments = {
        "store_uri": str(out / "store"),
        "model_name": "late",
        "confidence": 0.95,
        "minimum_gain": 0.0,
        "minimum_rows": 100,
        "trusted_uri": "",
        **changed,
    }
    run(
        challenger=str(challenger.path),
        dataset=str(held.dataset.path),
        folds=str(held.folds[kind].path),
        predictions=str(predicted.path),
        decision=str(out / "decision"),
        report=str(out / "report.html"),
        log_metric=logged.__setitem__,
        describe=lambda _: None,
        **arguments,
    )
    return Decision.read(out / "decision"), logged


def enthrone(model: Model, out: Path) -> str:
    store = open_store(str(out / "store"))
    version = store.register("late", model.path)
    store.set_alias("late", "champion", version, expected=None)
    return version


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_first_model_must_beat_what_the_training_labels_alone_say(held: Any, tmp_path: Path, kind: str) -> None:
    weight = {"binary": 1.5, "multiclass": 2.0, "regression": 3.0}[kind]
    decision, logged = compare(held, models.model(tmp_path / "good", held.train, kind, weight=weight), tmp_path, kind)
    figures = decision.figures
    assert (decision.subject, decision.verdict) == ("comparison", "promote")
    assert (figures["champion"], figures["champion_version"]) == ("dummy baseline", "")
    assert (figures["rows"], figures["dropped_rows"]) == (300, 0)
    assert 0 < figures["gain_lower_bound"] < figures["gain"] < figures["gain_upper_bound"]
    assert logged["gain"] == figures["gain"]
    table = held.dataset.table()
    label = models.TASKS[kind].encode(table[models.LABELS[kind]])
    train, test = label[np.isin(table["row_id"], held.train)], label[np.isin(table["row_id"], held.test)]
    if kind == "regression":
        assert figures["champion_score"] == pytest.approx(np.mean((test - train.mean()) ** 2) ** 0.5, rel=1e-5)
    if kind == "multiclass":
        share = np.bincount(train.astype(int)) / len(train)
        assert figures["champion_score"] == pytest.approx(-np.log(share[test.astype(int)]).mean(), rel=1e-5)
    if kind == "binary":
        assert figures["champion_score"] == 0.5
    page = (tmp_path / "report.html").read_text()
    assert decision.reasons[0].replace("'", "&#x27;") in page
    assert "variance of training is not in it" in page


def test_a_useless_first_model_is_not_promoted(held: Any, tmp_path: Path) -> None:
    decision, _ = compare(held, models.model(tmp_path / "useless", held.train, weight=0.0), tmp_path)
    assert decision.verdict == "keep"
    assert decision.reasons[0].startswith("Keep: ")


@pytest.mark.parametrize(
    ("challenger", "champion", "minimum_gain", "verdict"),
    [(1.5, -1.5, 0.0, "promote"), (1.5, 1.5, 0.0, "keep"), (-1.5, 1.5, 0.0, "keep"), (1.5, -1.5, 0.9, "keep")],
    ids=["better", "equal", "worse", "better-but-not-by-enough"],
)
def test_the_champion_stays_unless_the_gain_is_shown(
    held: Any, tmp_path: Path, challenger: float, champion: float, minimum_gain: float, verdict: str
) -> None:
    reigning = models.model(tmp_path / "champion", held.train, weight=champion, name="reigning")
    version = enthrone(reigning, tmp_path)
    decision, _ = compare(
        held, models.model(tmp_path / "new", held.train, weight=challenger), tmp_path, minimum_gain=minimum_gain
    )
    assert decision.verdict == verdict
    assert decision.figures["champion_version"] == version
    expected = predictions_of(held, reigning, tmp_path / "expected")
    from sklearn.metrics import roc_auc_score

    assert decision.figures["champion_score"] == pytest.approx(
        roc_auc_score(expected.label, expected.prediction[:, 0]), abs=1e-9
    )
    assert decision.policy == {"confidence": 0.95, "minimum_gain": minimum_gain, "minimum_rows": 100}


def test_a_champion_is_scored_with_its_own_columns(held: Any, tmp_path: Path) -> None:
    alone = models.model(tmp_path / "alone", held.train, signature=(RawColumn("distance", "float64"),), name="alone")
    version = enthrone(alone, tmp_path)
    decision, _ = compare(held, models.model(tmp_path / "new", held.train, carrier_weight=0.0), tmp_path)
    assert decision.figures["champion_version"] == version
    assert decision.figures["gain"] == 0


def test_rows_that_the_champion_was_trained_on_are_dropped(held: Any, tmp_path: Path) -> None:
    enthrone(models.model(tmp_path / "champion", held.test[:150], weight=0.5), tmp_path)
    decision, _ = compare(held, models.model(tmp_path / "new", held.train), tmp_path)
    assert (decision.figures["rows"], decision.figures["dropped_rows"], decision.figures["test_rows"]) == (
        150,
        150,
        300,
    )
    assert len(decision.reasons) == 1


def test_a_champion_of_other_rows_is_compared_with_a_warning(held: Any, tmp_path: Path) -> None:
    enthrone(models.model(tmp_path / "champion", [1, 2, 3], weight=0.5), tmp_path)
    decision, _ = compare(held, models.model(tmp_path / "new", held.train), tmp_path)
    assert "under other identities" in decision.reasons[1]


def test_the_same_comparison_twice_is_the_same_decision(held: Any, tmp_path: Path) -> None:
    enthrone(models.model(tmp_path / "champion", held.train, "multiclass", weight=-0.5), tmp_path)
    model = models.model(tmp_path / "new", held.train, "multiclass", weight=-1.0)
    first, _ = compare(held, model, tmp_path, "multiclass")
    (tmp_path / "again").mkdir()
    again, _ = compare(held, model, tmp_path / "again", "multiclass", store_uri=str(tmp_path / "store"))
    assert first == again


def too_few_rows(held: Any, tmp_path: Path) -> dict[str, Any]:
    enthrone(models.model(tmp_path / "champion", held.test[:250]), tmp_path)
    return {}


def edited_champion(held: Any, tmp_path: Path) -> dict[str, Any]:
    version = enthrone(models.model(tmp_path / "champion", held.train, name="edited"), tmp_path)
    (tmp_path / "store" / "late" / "versions" / version / "1" / "saved_model.pb").write_bytes(b"x")
    return {}


def deleted_champion(held: Any, tmp_path: Path) -> dict[str, Any]:
    version = enthrone(models.model(tmp_path / "champion", held.train, name="deleted"), tmp_path)
    folder = tmp_path / "store" / "late" / "versions"
    (folder / version).rename(folder / "gone")
    return {}


def torn_alias(held: Any, tmp_path: Path) -> dict[str, Any]:
    enthrone(models.model(tmp_path / "champion", held.train), tmp_path)
    (tmp_path / "store" / "late" / "aliases" / "champion.json").write_text("")
    return {}


def other_label(held: Any, tmp_path: Path) -> dict[str, Any]:
    enthrone(models.model(tmp_path / "champion", held.train, "regression"), tmp_path)
    return {}


def lacking_column(held: Any, tmp_path: Path) -> dict[str, Any]:
    signature = (*models.SIGNATURE, RawColumn("wind", "float64"))
    enthrone(models.model(tmp_path / "champion", held.train, signature=signature), tmp_path)
    return {}


def nan_champion(held: Any, tmp_path: Path) -> dict[str, Any]:
    enthrone(models.model(tmp_path / "champion", held.train, bias=float("nan")), tmp_path)
    return {}


def foreign_predictions(held: Any, tmp_path: Path) -> dict[str, Any]:
    other = models.model(tmp_path / "other", held.train, weight=0.3)
    return {"predicted": predictions_of(held, other, tmp_path / "foreign")}


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (
            too_few_rows,
            ComparisonError,
            r"at least 100 \(minimum_rows\), got 50: 250 of 300 test rows were in training",
        ),
        (edited_champion, ArtifactError, r"saved_model\.pb: expected sha256:"),
        (deleted_champion, StoreError, "no such version"),
        (torn_alias, StoreError, "expected a record of the form"),
        (other_label, ComparisonError, "label of champion .* expected 'late', as the challenger's, got 'delay'"),
        (lacking_column, ComparisonError, "the columns that champion .* needs, got none called wind"),
        (nan_champion, ComparisonError, "predictions of champion .* 300 of 300 rows with NaN"),
        (foreign_predictions, ArtifactError, r"field origin\.model"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_compared_fairly_is_one_clear_error_and_no_decision(
    held: Any, tmp_path: Path, made: Any, error: type[FoldlineError], said: str
) -> None:
    changed = made(held, tmp_path)
    with pytest.raises(error, match=said):
        compare(held, models.model(tmp_path / "new", held.train), tmp_path, **changed)
    assert not (tmp_path / "decision").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidence", 1.0),
        ("confidence", 0.5),
        ("minimum_gain", float("nan")),
        ("minimum_rows", 1),
        ("model_name", "a/b"),
    ],
)
def test_a_parameter_out_of_range_is_named(held: Any, tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=name):
        compare(held, models.model(tmp_path / "new", held.train), tmp_path, **{name: value})


def trusted_table(path: Path, seed: int, *, against: bool = False) -> str:
    """New rows as a file; with `against` their labels are turned round."""
    rows = models.table(300, seed)
    if against:
        rows = rows.set_column(rows.column_names.index("late"), "late", pc.invert(rows["late"]))
    pq.write_table(rows, path)
    return str(path)


def test_a_challenger_that_is_worse_on_the_trusted_test_set_is_kept_whatever_it_gains(
    held: Any, tmp_path: Path
) -> None:
    enthrone(models.model(tmp_path / "old", held.train, weight=-1.0), tmp_path)
    challenger = models.model(tmp_path / "new", held.train, weight=1.5)
    against = trusted_table(tmp_path / "against.parquet", 7, against=True)
    decision, logged = compare(held, challenger, tmp_path, trusted_uri=against)
    assert decision.figures["gain_lower_bound"] > 0
    assert decision.verdict == "keep"
    assert "worse on the trusted test set" in decision.reasons[0]
    assert logged["trusted_challenger_score"] < 0.5 < logged["trusted_champion_score"]


def test_a_refreshed_trusted_test_set_is_another_version_and_lets_a_better_challenger_pass(
    held: Any, tmp_path: Path
) -> None:
    versions = []
    for seed in (7, 8):
        out = tmp_path / str(seed)
        enthrone(models.model(out / "old", held.train, weight=-1.0), out)
        challenger = models.model(out / "new", held.train, weight=1.5)
        uri = trusted_table(tmp_path / "trusted.parquet", seed)
        decision, _ = compare(held, challenger, out, trusted_uri=uri)
        assert decision.verdict == "promote"
        assert decision.figures["trusted_rows"] == 300
        assert decision.figures["trusted_digest"].removeprefix("sha256:")[:12] in " ".join(decision.reasons)
        versions.append(decision.figures["trusted_digest"])
    assert versions[0] != versions[1]


def test_rows_of_the_training_are_no_trusted_test(held: Any, tmp_path: Path) -> None:
    challenger = models.model(tmp_path / "new", held.train)
    pq.write_table(held.dataset.table().drop(["row_id"]).slice(0, 310), tmp_path / "trusted.parquet")
    with pytest.raises(ComparisonError, match=r"10 of 310"):
        compare(held, challenger, tmp_path, trusted_uri=str(tmp_path / "trusted.parquet"))
