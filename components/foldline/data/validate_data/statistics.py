"""Statistics and schema by TensorFlow Data Validation, in memory and in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from foldline.data.validate_data.findings import ERROR, WARNING, Finding
from foldline.errors import ArgumentError

# A column may have this much less of its values present than in the table that its schema was inferred from.
PRESENCE_MARGIN = 0.05
# The share of rows whose text must be in a column's domain: one unseen value is no alarm.
MIN_DOMAIN_MASS = 0.98
MOST_DOMAIN_VALUES = 100


def describe_table(table: pa.Table) -> Any:
    """Statistics of the table's columns but `row_id`, a `DatasetFeatureStatisticsList`.

    Whole numbers with missing values stay whole, booleans become 0 and 1, and times microseconds since 1970 in UTC:
    TFDV's way by data frames makes the first floats and drops the last.
    """
    names = [name for name in table.column_names if name != "row_id"]
    batch = pa.RecordBatch.from_arrays([_as_lists(table[name]) for name in names], names=names)
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


def _as_lists(column: pa.ChunkedArray) -> pa.Array:
    """One list of one value for each row, null where the value is missing: the form of TFDV's in-memory statistics."""
    if column.null_count == len(column):
        return pa.nulls(len(column))
    if pa.types.is_boolean(column.type) or pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values = column.combine_chunks()
    valid = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=bool)
    offsets = np.concatenate([[0], np.cumsum(valid)]).astype(np.int32)
    mask = np.append(~valid, False)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=mask), values.drop_null())


def infer(statistics: Any, table: pa.Table) -> Any:
    """A `Schema` that the table fits, tightened where TFDV's own inference leaves gross faults unseen.

    A column must have values in nearly the observed share of rows (`PRESENCE_MARGIN`); numbers that are never negative
    must stay so; text of few values may have at most 2 % of rows with others.
    """
    schema = tfdv.infer_schema(statistics, infer_feature_shape=False, max_string_domain_size=MOST_DOMAIN_VALUES)
    for feature in schema.feature:
        column = table[feature.name]
        present = 1.0 - column.null_count / max(len(column), 1)
        feature.presence.min_fraction = round(max(present - PRESENCE_MARGIN, 0.0), 4)
        feature.presence.min_count = 1 if present else 0
        if pa.types.is_timestamp(column.type):
            feature.annotation.comment.append("microseconds since 1970 in UTC")
        elif pa.types.is_boolean(column.type):
            feature.int_domain.min, feature.int_domain.max, feature.int_domain.is_categorical = 0, 1, True
        elif pa.types.is_integer(column.type) and present and pc.min(column).as_py() >= 0:
            feature.int_domain.min = 0
        elif pa.types.is_floating(column.type) and present and pc.min(column).as_py() >= 0.0:
            feature.float_domain.min = 0.0
        if feature.HasField("domain"):
            feature.distribution_constraints.min_domain_mass = MIN_DOMAIN_MASS
    return schema


def parse_schema(text: str) -> Any:
    """The `Schema` in the text of a `schema.pbtxt`.

    Raises:
        ArgumentError: it is none, or names no column.
    """
    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as fault:
        raise ArgumentError("schema_text", expected="the content of a schema.pbtxt", got=f"{fault}") from None
    if not schema.feature:
        raise ArgumentError("schema_text", expected="a schema with at least one feature", got="none")
    return schema


def as_the_schema_says(table: pa.Table, schema: Any) -> pa.Table:
    """`table` with whole numbers as floats where the schema says so: floats may happen to have no fractions."""
    floats = {feature.name for feature in schema.feature if feature.type == schema_pb2.FLOAT}
    for index, field in enumerate(table.schema):
        if field.name in floats and pa.types.is_integer(field.type):
            table = table.set_column(index, field.name, table[field.name].cast(pa.float64(), safe=False))
    return table


def schema_text(schema: Any) -> str:
    """The content of `schema.pbtxt`."""
    return str(text_format.MessageToString(schema))


def without_presence(schema: Any, table: pa.Table, column: str) -> Any:
    """A copy of the schema by which values of `column` may be missing, all of them too."""
    relaxed = schema_pb2.Schema()
    relaxed.CopyFrom(schema)
    for feature in relaxed.feature:
        if feature.name == column:
            feature.ClearField("presence")
            if table[column].null_count == table.num_rows:
                feature.lifecycle_stage = schema_pb2.DISABLED
    return relaxed


def held_against(statistics: Any, schema: Any) -> list[Finding]:
    """What in the statistics does not fit the schema.

    A column that the schema does not name, and a few rows with unseen text, are warnings; all else is an error.
    """
    anomalies = tfdv.validate_statistics(statistics, schema)
    found = []
    for name, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            new = reason.type == anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN
            advice = "Add it to the schema, or leave it out." if new else "Correct the data, or the schema."
            severity = WARNING if new else ERROR
            found.append(Finding(severity, name, reason.short_description, reason.description, advice))
    for reason in anomalies.dataset_anomaly_info.reason:
        advice = "Correct the data, or the schema."
        found.append(Finding(ERROR, "", reason.short_description, reason.description, advice))
    failed = {finding.column for finding in found}
    return found + [item for item in _unseen(statistics, schema) if item.column not in failed]


def _unseen(statistics: Any, schema: Any) -> list[Finding]:
    shared = {domain.name: domain for domain in schema.string_domain}
    found = []
    for feature in schema.feature:
        domain = shared.get(feature.domain) if feature.HasField("domain") else None
        domain = feature.string_domain if feature.HasField("string_domain") else domain
        described = statistics_of(statistics, feature.name)
        if domain is None or described is None or described.WhichOneof("stats") != "string_stats":
            continue
        known = set(domain.value)
        strange = [bucket for bucket in described.string_stats.rank_histogram.buckets if bucket.label not in known]
        if strange:
            rows = int(sum(bucket.sample_count for bucket in strange))
            values = ", ".join(repr(bucket.label) for bucket in strange[:5])
            evidence = f"{values} in {rows} rows"
            found.append(Finding(WARNING, feature.name, "values that the schema does not name", evidence, "Add them."))
    return found


def statistics_of(statistics: Any, name: str) -> statistics_pb2.FeatureNameStatistics | None:
    """The statistics of the column `name`."""
    for feature in statistics.datasets[0].features:
        if list(feature.path.step) == [name]:
            return feature
    return None
