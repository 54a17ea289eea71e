"""Files in, files out: statistics, schema, decision and report of a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

# Before TensorFlow is imported, which TFDV does: its notes on processors are no news.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from foldline.artifacts.dataset import Dataset
from foldline.artifacts.decision import Decision
from foldline.data.validate_data import schema as schemas
from foldline.data.validate_data.anomalies import held_against
from foldline.data.validate_data.findings import ERROR, Finding, Policy, find
from foldline.data.validate_data.page import validation_page
from foldline.data.validate_data.statistics import describe_table
from foldline.disk import room_for
from foldline.errors import DataError

STATISTICS = "FeatureStats.pb"
SCHEMA = "schema.pbtxt"


def run(
    dataset_path: str | Path,
    statistics_path: str | Path,
    schema_path: str | Path,
    decision_path: str | Path,
    report_path: str | Path,
    *,
    schema_text: str = "",
    stop_on_errors: bool = True,
    label_required: bool = True,
    environment: str = "",
    log_metric: Callable[[str, float], object] = lambda name, value: None,
    describe: Callable[[dict[str, str | int]], object] = lambda summary: None,
) -> Decision:
    """Validate the dataset at `dataset_path`; all outputs are written also when the verdict is `fail`.

    Args:
        log_metric: is given the numbers of rows, columns, errors and warnings.
        describe: is given the decision's summary, for the artifact's metadata.
        Others: see the component's signature.

    Raises:
        ArgumentError: `schema_text` is no schema, or has no such `environment`.
        DataError: there are errors, and `stop_on_errors`; the message names the first.
    """
    policy = Policy()
    dataset = Dataset.read(Path(dataset_path))
    table = dataset.table()
    given = schemas.parse_schema(schema_text) if schema_text.strip() else None
    described = describe_table(schemas.as_the_schema_says(table, given) if given else table)
    schema = given or schemas.infer(described, table, dataset.label)
    held_to = schemas.chosen_environment(schema, environment, label_required)
    findings = find(table, dataset.label if label_required else "", policy)
    if given:
        late = "" if label_required else dataset.label
        wanted = schemas.without_presence(given, table, late) if late else given
        findings += held_against(described, wanted, table, held_to)
    findings.sort(key=lambda finding: finding.severity != ERROR)
    errors = [finding for finding in findings if finding.severity == ERROR]
    verdict = "fail" if errors else "warn" if findings else "pass"
    counts = {
        "rows": dataset.rows,
        "columns": len(dataset.columns),
        "errors": len(errors),
        "warnings": len(findings) - len(errors),
    }
    decision = Decision(
        subject="validation",
        verdict=verdict,
        reasons=tuple(finding.sentence for finding in findings) or ("Nothing was found.",),
        figures={**counts, "dataset_digest": dataset.digest, "findings": [finding.to_json() for finding in findings]},
        policy={
            **asdict(policy),
            "schema": "given" if given else "inferred",
            "environment": held_to,
            "presence_margin": schemas.PRESENCE_MARGIN,
            "min_domain_mass": schemas.MIN_DOMAIN_MASS,
        },
    )
    with room_for(statistics_path):
        for folder in (Path(statistics_path), Path(schema_path)):
            folder.mkdir(parents=True)
        (Path(statistics_path) / STATISTICS).write_bytes(described.SerializeToString(deterministic=True))
        (Path(schema_path) / SCHEMA).write_text(schemas.schema_text(schema), encoding="utf-8")
        decision.write(Path(decision_path))
        validation_page(dataset, table, described, findings, verdict, bool(given)).write(Path(report_path))
    for name, value in counts.items():
        log_metric(name, float(value))
    describe({"verdict": verdict, **counts})
    for finding in findings:
        print(f"{finding.severity}: {finding.sentence}. {finding.advice}")
    if errors and stop_on_errors:
        raise _stop(errors)
    return decision


def _stop(errors: list[Finding]) -> DataError:
    first = errors[0]
    more = f" and {len(errors) - 1} more errors" if len(errors) > 1 else ""
    what = f"column {first.column!r}" if first.column else "table"
    return DataError(what, expected="data that passes validation", got=f"{first.what} ({first.evidence}){more}",
                     fix=first.advice)  # fmt: skip
