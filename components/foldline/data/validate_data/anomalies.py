"""What does not fit a schema, by TensorFlow Data Validation, with the rows that show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_data_validation as tfdv
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import anomalies_pb2

from foldline.data.validate_data.findings import ERROR, WARNING, Example, Finding, examples_of

_ADVICE = "Correct the data, or the schema."


def held_against(statistics: Any, schema: Any, table: pa.Table, environment: str = "") -> list[Finding]:
    """What in the statistics does not fit the schema.

    A column that the schema does not name, and a few rows with unseen text, are warnings; all else is an error. A
    column that the schema names for another environment may be there.

    Args:
        table: the rows that the statistics are of; `row_id` and all columns.
        environment: name of the schema's environment; empty for none.
    """
    anomalies = tfdv.validate_statistics(statistics, schema, environment=environment or None)
    features = {feature.name: feature for feature in schema.feature}
    found = []
    for name, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            new = reason.type == anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN
            if new and name in features:
                continue
            advice = "Add it to the schema, or leave it out." if new else _ADVICE
            shown = () if new else _breaking_rows(table, name, features.get(name), _shared(schema))
            severity = WARNING if new else ERROR
            found.append(Finding(severity, name, reason.short_description, reason.description, advice, shown))
    for reason in anomalies.dataset_anomaly_info.reason:
        found.append(Finding(ERROR, "", reason.short_description, reason.description, _ADVICE))
    failed = {finding.column for finding in found}
    return found + [item for item in _unseen(schema, table) if item.column not in failed]


def _unseen(schema: Any, table: pa.Table) -> list[Finding]:
    found = []
    for name, feature in {feature.name: feature for feature in schema.feature}.items():
        known = _words(feature, _shared(schema))
        if known is None or name not in table.column_names or not pa.types.is_string(table[name].type):
            continue
        strange = _outside_words(table[name], known)
        if strange.any():
            counts = table[name].filter(pa.array(strange)).value_counts().to_pylist()
            first = sorted(counts, key=lambda each: (-each["counts"], each["values"]))[:5]
            evidence = f"{', '.join(repr(each['values']) for each in first)} in {int(strange.sum())} rows"
            shown = examples_of(table, strange, [name])
            found.append(Finding(WARNING, name, "values that the schema does not name", evidence, "Add them.", shown))
    return found


def _breaking_rows(table: pa.Table, name: str, feature: Any, shared: dict[str, list[str]]) -> tuple[Example, ...]:
    """Rows whose value is out of the feature's range or domain."""
    if feature is None or name not in table.column_names:
        return ()
    values = table[name]
    known = _words(feature, shared)
    if known is not None and pa.types.is_string(values.type):
        return examples_of(table, _outside_words(values, known), [name])
    for kind in ("int_domain", "float_domain"):
        if feature.HasField(kind) and (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
            domain = getattr(feature, kind)
            numbers = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
            low = (numbers < domain.min) if domain.HasField("min") else np.zeros(len(numbers), dtype=bool)
            high = (numbers > domain.max) if domain.HasField("max") else np.zeros(len(numbers), dtype=bool)
            return examples_of(table, low | high, [name])
    return ()


def _shared(schema: Any) -> dict[str, list[str]]:
    return {domain.name: list(domain.value) for domain in schema.string_domain}


def _words(feature: Any, shared: dict[str, list[str]]) -> list[str] | None:
    """The text that the feature's domain names; None where it has none."""
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value)
    return shared.get(feature.domain) if feature.HasField("domain") else None


def _outside_words(values: pa.ChunkedArray, known: list[str]) -> NDArray[np.bool_]:
    inside = pc.is_in(values, value_set=pa.array(known, pa.string()))
    return np.asarray(pc.and_not(pc.is_valid(values), inside).to_numpy(), dtype=bool)
