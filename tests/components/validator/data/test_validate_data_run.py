"""Validation of datasets: outputs as TFX has them, faults against a schema, errors that stop, warnings that do not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv

from foldline.artifacts import Dataset, Decision
from foldline.data.validate_data.run import run
from foldline.data.validate_data.statistics import statistics_of, statistics_pb2
from foldline.errors import ArgumentError, DataError

ROWS = 1_000
DAY = 86_400_000_000


def good() -> pa.Table:
    random = np.random.default_rng(7)
    gap = np.arange(ROWS) % 10 == 0
    return pa.table(
        {
            "distance": pa.array(random.gamma(2.0, 500.0, ROWS)),
            "delay": pa.array(random.normal(0.0, 30.0, ROWS), mask=gap),
            "seats": pa.array(random.integers(2, 300, ROWS), mask=gap),
            "origin": pa.array(random.choice(["EWR", "JFK", "LGA"], ROWS)),
            "tail": pa.array([f"N{index}" for index in random.integers(0, 300, ROWS)], mask=gap),
            "night": pa.array(random.random(ROWS) < 0.3),
            "when": pa.array(
                [datetime(2013, 1, 1) + timedelta(minutes=int(m)) for m in random.integers(0, 10**6, ROWS)]
            ),
            "late": pa.array(random.random(ROWS) < 0.24),
        }
    )


class Outcome(NamedTuple):
    """What a validation leaves behind."""

    decision: Decision
    folder: Path
    metrics: dict[str, float]
    described: dict[str, Any]
    error: DataError | None


def validate(folder: Path, table: pa.Table, schema_text: str = "", label: str = "late", **given: Any) -> Outcome:
    Dataset.write(folder / "dataset", table, source={"uri": "made"}, label=label)
    metrics: dict[str, float] = {}
    described: dict[str, Any] = {}
    paths = [folder / name for name in ("dataset", "statistics", "schema", "decision", "report.html")]
    error = None
    try:
        run(*paths, schema_text=schema_text, log_metric=metrics.__setitem__, describe=described.update, **given)
    except DataError as fault:
        error = fault
    return Outcome(Decision.read(folder / "decision"), folder, metrics, described, error)


@pytest.fixture(scope="module")
def inferred(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return validate(tmp_path_factory.mktemp("good"), good())


@pytest.fixture(scope="module")
def schema_text(inferred: Outcome) -> str:
    return (inferred.folder / "schema" / "schema.pbtxt").read_text()


def test_a_good_table_passes(inferred: Outcome) -> None:
    assert inferred.error is None
    assert inferred.decision.verdict == "pass"
    assert inferred.decision.reasons == ("Nothing was found.",)
    assert inferred.metrics == {"rows": 1000.0, "columns": 8.0, "errors": 0.0, "warnings": 0.0}
    assert inferred.described == {"verdict": "pass", "rows": 1000, "columns": 8, "errors": 0, "warnings": 0}
    assert inferred.decision.policy["schema"] == "inferred"
    assert inferred.decision.figures["dataset_digest"] == Dataset.read(inferred.folder / "dataset").digest


def test_statistics_are_what_tfdv_reads_and_what_numpy_says(inferred: Outcome) -> None:
    statistics = tfdv.load_stats_binary(str(inferred.folder / "statistics" / "FeatureStats.pb"))
    table = good()
    assert statistics.datasets[0].num_examples == ROWS
    assert sorted(feature.path.step[0] for feature in statistics.datasets[0].features) == sorted(table.column_names)
    kinds = {feature.path.step[0]: statistics_pb2.FeatureNameStatistics.Type.Name(feature.type)
             for feature in statistics.datasets[0].features}  # fmt: skip
    assert kinds == {
        "distance": "FLOAT", "delay": "FLOAT", "seats": "INT", "origin": "STRING", "tail": "STRING", "night": "INT",
        "when": "INT", "late": "INT",
    }  # fmt: skip
    for name in ("distance", "delay", "seats", "when"):
        values = table[name].drop_null()
        numbers = (values.cast(pa.int64()) if name == "when" else values).to_numpy().astype(float)
        figures = statistics_of(statistics, name).num_stats
        assert figures.common_stats.num_non_missing == len(numbers)
        np.testing.assert_allclose([figures.min, figures.max], [numbers.min(), numbers.max()])
        np.testing.assert_allclose([figures.mean, figures.std_dev], [numbers.mean(), numbers.std()], rtol=1e-9)
    origin = statistics_of(statistics, "origin").string_stats
    assert origin.unique == 3
    assert {bucket.label: int(bucket.sample_count) for bucket in origin.rank_histogram.buckets} == {
        value["values"]: value["counts"] for value in table["origin"].value_counts().to_pylist()
    }


def test_the_schema_is_tightened_and_tfdv_reads_it(inferred: Outcome) -> None:
    schema = tfdv.load_schema_text(str(inferred.folder / "schema" / "schema.pbtxt"))
    feature = {item.name: item for item in schema.feature}
    assert feature["distance"].float_domain.min == 0.0
    assert feature["delay"].float_domain.min < 1.5 * min(good()["delay"].drop_null().to_pylist())
    assert feature["seats"].int_domain.min == 0
    assert feature["seats"].int_domain.max > 400
    assert list(schema.default_environment) == ["TRAINING", "SERVING"]
    assert list(feature["late"].not_in_environment) == ["SERVING"]
    assert not feature["when"].HasField("int_domain")
    assert (feature["night"].int_domain.min, feature["night"].int_domain.max) == (0, 1)
    assert feature["distance"].presence.min_fraction == pytest.approx(0.95)
    assert feature["delay"].presence.min_fraction == pytest.approx(0.85)
    assert feature["origin"].distribution_constraints.min_domain_mass == pytest.approx(0.98)
    assert not feature["tail"].HasField("domain")


def test_the_table_that_a_schema_was_inferred_from_fits_it(tmp_path: Path, schema_text: str) -> None:
    outcome = validate(tmp_path, good(), schema_text)
    assert outcome.decision.verdict == "pass"
    assert outcome.decision.policy["schema"] == "given"
    assert (tmp_path / "schema" / "schema.pbtxt").read_text() == schema_text


def replaced(name: str, change: Callable[[pa.ChunkedArray], Any]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, change(table[name]))


def masked(share: float) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array(
        [None if index < share * ROWS else value for index, value in enumerate(column.to_pylist())], column.type
    )


def some(value: Any, count: int) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array([value] * count + column.to_pylist()[count:], column.type)


AGAINST_A_SCHEMA = [
    ("the same", lambda table: table, "pass", ""),
    ("other rows", lambda table: table.slice(0, 700), "pass", ""),
    ("a column is gone", lambda table: table.drop(["seats"]), "fail", "column 'seats'"),
    ("a new column", lambda table: table.append_column("extra", pa.array(np.arange(ROWS) % 7)),
     "warn", "column 'extra'"),
    ("90 % missing", replaced("delay", masked(0.9)), "fail", "column 'delay'"),
    ("all missing", replaced("delay", masked(1.0)), "fail", "column 'delay'"),
    ("4 % more missing", replaced("distance", masked(0.04)), "pass", ""),
    ("negated", replaced("distance", lambda column: pa.array(-column.to_numpy())), "fail", "column 'distance'"),
    ("negated integers", replaced("seats", lambda column: pa.array([v and -v for v in column.to_pylist()])), "fail",
     "column 'seats'"),
    ("another unit", replaced("distance", lambda column: pa.array(column.to_numpy() * 100.0)), "fail",
     "column 'distance'"),
    ("a code for missing", replaced("delay", some(-999.0, 3)), "fail", "column 'delay'"),
    ("a value a little further out", replaced("seats", some(330, 2)), "pass", ""),
    ("text for numbers", replaced("seats", lambda column: column.cast(pa.string())), "fail", "column 'seats'"),
    ("fractions for integers", replaced("seats", lambda column: pa.array([v and v + 0.5 for v in column.to_pylist()])),
     "fail", "column 'seats'"),
    ("integers for floats", replaced("distance", lambda values: pa.array(values.to_numpy().astype(int))), "pass", ""),
    ("one unseen value", replaced("origin", some("PHL", 1)), "warn", "column 'origin'"),
    ("3 % unseen values", replaced("origin", some("PHL", 30)), "fail", "column 'origin'"),
    ("unseen tails", replaced("tail", some("N999", 30)), "pass", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "verdict", "place"), [case[1:] for case in AGAINST_A_SCHEMA], ids=[case[0] for case in AGAINST_A_SCHEMA]
)
def test_a_fault_against_the_schema_is_found(
    tmp_path: Path, schema_text: str, change: Callable[[pa.Table], pa.Table], verdict: str, place: str
) -> None:
    outcome = validate(tmp_path, change(good()), schema_text)
    assert outcome.decision.verdict == verdict, outcome.decision.reasons
    assert (outcome.error is not None) == (verdict == "fail")
    assert outcome.decision.reasons[0].startswith(place)
    for name in ("statistics/FeatureStats.pb", "schema/schema.pbtxt", "report.html"):
        assert (tmp_path / name).stat().st_size > 0


def test_rows_show_what_is_out_of_range_and_out_of_domain(tmp_path: Path, schema_text: str) -> None:
    table = replaced("origin", some("PHL", 1))(replaced("delay", some(-999.0, 5))(good()))
    outcome = validate(tmp_path, table, schema_text)
    shown = {item["column"]: item["examples"] for item in outcome.decision.figures["findings"]}
    identities = Dataset.read(tmp_path / "dataset").table()["row_id"].to_pylist()
    assert shown["delay"] == [{"row_id": str(each), "delay": "-999"} for each in identities[:3]]
    assert shown["origin"] == [{"row_id": str(identities[0]), "origin": "PHL"}]
    assert f"row_id {identities[2]}, delay -999" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("label_required", "environment", "verdict"),
    [(False, "", "pass"), (True, "SERVING", "fail"), (False, "TRAINING", "fail"), (True, "", "fail")],
)
def test_a_table_without_the_label_fits_the_schema_for_serving_only(
    tmp_path: Path, schema_text: str, label_required: bool, environment: str, verdict: str
) -> None:
    outcome = validate(
        tmp_path, good().drop(["late"]), schema_text, label="late" if label_required else "",
        label_required=label_required, environment=environment,
    )  # fmt: skip
    assert outcome.decision.verdict == verdict, outcome.decision.reasons
    assert outcome.decision.policy["environment"] == (environment or ("TRAINING" if label_required else "SERVING"))


def test_a_label_that_is_there_at_serving_is_no_finding(tmp_path: Path, schema_text: str) -> None:
    assert validate(tmp_path, good(), schema_text, environment="SERVING").decision.verdict == "pass"


@pytest.mark.parametrize("text", ["", 'feature { name: "late" type: INT }'])
def test_an_environment_that_the_schema_does_not_have_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArgumentError, match=r"environment: expected (one of the schema's environments, SERVING|none)"):
        validate(tmp_path, good(), text, environment="STAGING")


def test_the_error_names_the_first_finding_and_counts_the_others(tmp_path: Path, schema_text: str) -> None:
    outcome = validate(tmp_path, good().drop(["seats", "origin", "tail"]), schema_text)
    assert outcome.metrics["errors"] == 3.0
    assert str(outcome.error).startswith("column 'origin': expected data that passes validation, got ")
    assert "and 2 more errors" in str(outcome.error)
    assert [item["severity"] for item in outcome.decision.figures["findings"]] == ["error"] * 3


def test_warnings_do_not_stop_and_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = good().append_column("one", pa.array([7] * ROWS)).append_column("none", pa.nulls(ROWS, pa.float64()))
    outcome = validate(tmp_path, table)
    assert outcome.error is None
    assert outcome.decision.verdict == "warn"
    assert outcome.metrics["warnings"] == 2.0
    assert "warning: column 'one': only one value ('7' in each row). Leave it out." in capsys.readouterr().out
    report = (tmp_path / "report.html").read_text()
    for text in ("only one value", "no values", "Verdict: warn. 0 errors, 2 warnings."):
        assert text in report


def test_a_label_of_one_class_stops_after_everything_is_written(tmp_path: Path) -> None:
    outcome = validate(tmp_path, replaced("late", lambda column: pa.array([True] * ROWS))(good()))
    assert "column 'late': expected data that passes validation, got no label to learn" in str(outcome.error)
    assert outcome.decision.verdict == "fail"
    assert "Verdict: fail. 1 errors" in (tmp_path / "report.html").read_text()


def test_the_report_shows_every_column_and_a_plot(inferred: Outcome) -> None:
    report = (inferred.folder / "report.html").read_text()
    for name in good().column_names:
        assert f"<td>{name}</td>" in report
    assert report.count("<svg") == 1
    assert f"<td>{min(good()['when'].to_pylist()):%Y-%m-%d %H:%M}</td>" in report
    assert "EWR (" in report


@pytest.mark.parametrize("names", [["a$b$c", "x^2", "<b>"], [f"column {index}" for index in range(25)]], ids=len)
def test_any_names_and_any_number_of_columns_give_a_report(tmp_path: Path, names: list[str]) -> None:
    random = np.random.default_rng(0)
    table = pa.table(
        {name: random.normal(0.0, 1.0, 100) for name in names} | {"text": random.choice(["$1$", "<i>"], 100)}
    )
    outcome = validate(tmp_path, table, label="")
    assert outcome.error is None
    report = (tmp_path / "report.html").read_text()
    assert "<b>" not in report.split("</style>")[1]
    assert ("The first 20 of 26 columns." in report) == (len(names) == 25)


def test_errors_are_left_to_the_reader_of_the_decision_where_they_are_not_to_stop(
    tmp_path: Path, schema_text: str
) -> None:
    table = good()
    faulty = table.set_column(0, "distance", pa.array(-table["distance"].to_numpy()))
    outcome = validate(tmp_path, faulty, schema_text, stop_on_errors=False)
    assert outcome.error is None
    assert outcome.decision.verdict == "fail"
    assert outcome.metrics["errors"] == 1


@pytest.mark.parametrize("missing", [0.6, 1.0])
@pytest.mark.parametrize("curated", [True, False])
def test_labels_that_come_later_are_no_error_where_none_is_required(
    tmp_path: Path, schema_text: str, missing: float, curated: bool
) -> None:
    table = good()
    column = table.column_names.index("late")
    mask = np.arange(ROWS) < ROWS * missing
    label = pa.nulls(ROWS, pa.string()) if mask.all() else pa.array(table["late"].to_numpy(), mask=mask)
    late = table.set_column(column, "late", label)
    for required, verdict in ((True, "fail"), (False, "warn")):
        (tmp_path / verdict).mkdir()
        outcome = validate(tmp_path / verdict, late, schema_text if curated else "", label_required=required)
        assert outcome.decision.verdict == verdict, outcome.decision.reasons


@pytest.mark.parametrize("text", ["no schema { at all", "feature { nonsense: 1 }", "default_environment: 'A'"])
def test_a_text_that_is_no_schema_is_refused(tmp_path: Path, text: str) -> None:
    Dataset.write(tmp_path / "dataset", good(), source={})
    with pytest.raises(ArgumentError, match=r"schema_text: expected "):
        run(*(tmp_path / name for name in ("dataset", "st", "sc", "de", "r.html")), schema_text=text)


def test_the_component_hands_every_parameter_on(tmp_path: Path, schema_text: str) -> None:
    from kfp import dsl

    from foldline.data.validate_data.component import validate_data

    Dataset.write(tmp_path / "dataset", good().append_column("one", pa.array([7] * ROWS)), source={}, label="late")
    metrics, decision = dsl.Metrics(uri=""), dsl.Artifact(uri=str(tmp_path / "decision"))
    validate_data.python_func(
        dataset=dsl.Dataset(uri=str(tmp_path / "dataset")), statistics=dsl.Artifact(uri=str(tmp_path / "st")),
        schema=dsl.Artifact(uri=str(tmp_path / "sc")), decision=decision, report=dsl.HTML(uri=str(tmp_path / "r.html")),
        metrics=metrics, schema_text=schema_text, stop_on_errors=True, label_required=True,
        environment="TRAINING",
    )  # fmt: skip
    assert Decision.read(tmp_path / "decision").policy["schema"] == "given"
    assert decision.metadata["verdict"] == "warn"
    assert metrics.metadata == {"rows": 1000.0, "columns": 9.0, "errors": 0.0, "warnings": 2.0}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "decision", "r.html", "sc", "st"]
