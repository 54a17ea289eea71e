"""Schemas: inferred tighter than TensorFlow Data Validation does, read from text, and fitted to an environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from foldline.errors import ArgumentError

TRAINING, SERVING = "TRAINING", "SERVING"
# A column may have this much less of its values present than in the table that its schema was inferred from.
PRESENCE_MARGIN = 0.05
# The share of rows whose text must be in a column's domain: one unseen value is no alarm.
MIN_DOMAIN_MASS = 0.98
MOST_DOMAIN_VALUES = 100
# Shares of the values below and above which a number counts as far out.
TAILS = (0.001, 0.999)
# A range ends so many times as far from the median as the furthest value. Whole numbers of few values are often parts
# of the calendar or grow by the year, and a table need not have the later ones yet.
WIDER, WIDER_FEW, FEW_VALUES = 2.0, 10.0, 100
# No value widens a range to more than so many times the distance from the median to the quantiles of `TAILS`.
MOST_WIDER = 10.0
_INT64 = np.iinfo(np.int64)


def infer(statistics: Any, table: pa.Table, label: str = "") -> Any:
    """A `Schema` that the table fits, tightened where TFDV's own inference leaves gross faults unseen.

    A column must have values in nearly the observed share of rows (`most_missing`); numbers must stay in a range
    (`usual_range`), and not negative where none is; text of few values may have at most 2 % of rows with others. The
    environments are TRAINING and SERVING, and the label is missing in the second.
    """
    schema = tfdv.infer_schema(statistics, infer_feature_shape=False, max_string_domain_size=MOST_DOMAIN_VALUES)
    schema.default_environment.extend([TRAINING, SERVING])
    for feature in schema.feature:
        column = table[feature.name]
        missing = column.null_count / max(len(column), 1)
        feature.presence.min_fraction = round(1.0 - most_missing(missing), 4)
        feature.presence.min_count = int(missing < 1.0)
        if feature.name == label:
            feature.not_in_environment.append(SERVING)
        if pa.types.is_timestamp(column.type):
            feature.annotation.comment.append("microseconds since 1970 in UTC")
        elif pa.types.is_boolean(column.type):
            feature.int_domain.min, feature.int_domain.max, feature.int_domain.is_categorical = 0, 1, True
        elif not pa.types.is_string(column.type) and missing < 1.0:
            _limit(feature, column)
        if feature.HasField("domain"):
            feature.distribution_constraints.min_domain_mass = MIN_DOMAIN_MASS
    return schema


def most_missing(missing: float) -> float:
    """The largest share of missing values that is fine where `missing` was usual.

    It is half as much more and at least `PRESENCE_MARGIN`, but at most half of the way to a column without values.
    """
    margin = max(PRESENCE_MARGIN, 0.5 * missing)
    return missing + min(margin, max(0.5 * (1.0 - missing), PRESENCE_MARGIN), 1.0 - missing)


def usual_range(values: np.ndarray[Any, Any], whole: bool) -> tuple[float, float] | None:
    """Least and largest number that is fine where `values` were usual; None where they say nothing.

    On each side of the median the range goes `WIDER` times as far as the furthest value (`WIDER_FEW` times for whole
    numbers of few values), but not beyond `MOST_WIDER` times the distance of the outer quantile (`TAILS`), so that one
    wrong number does not open it. Every one of the values is inside. It stops at 0 where no value is negative. One
    value alone, and whole numbers that differ in each row, as counters do, say nothing about the next ones.

    Args:
        values: shape (n_values,), finite.
    """
    if not len(values):
        return None
    distinct = len(np.unique(values))
    if distinct == 1 or (whole and distinct == len(values) > FEW_VALUES):
        return None
    low, median, high = np.quantile(values, [TAILS[0], 0.5, TAILS[1]])
    wider = WIDER_FEW if whole and distinct <= FEW_VALUES else WIDER
    ends = []
    for furthest, outer in ((median - values.min(), median - low), (values.max() - median, high - median)):
        ends.append(max(furthest, min(wider * furthest, MOST_WIDER * outer)))
    least = median - ends[0]
    return (max(least, 0.0) if values.min() >= 0 else least), median + ends[1]


def _limit(feature: Any, column: pa.ChunkedArray) -> None:
    whole = pa.types.is_integer(column.type)
    values = np.asarray(column.drop_null().to_numpy(), dtype=np.float64)
    values = values[np.isfinite(values)]
    found = usual_range(values, whole)
    if found is None:
        if len(values) and values.min() >= 0:
            _domain(feature, whole).min = 0
        return
    domain = _domain(feature, whole)
    if whole:
        domain.min = max(int(np.floor(found[0])), int(_INT64.min))
        domain.max = min(int(np.ceil(found[1])), int(_INT64.max))
    else:
        domain.min, domain.max = found


def _domain(feature: Any, whole: bool) -> Any:
    return feature.int_domain if whole else feature.float_domain


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


def chosen_environment(schema: Any, wanted: str, label_required: bool) -> str:
    """The environment that the dataset is held to; empty where the schema has none.

    Args:
        wanted: its name; empty takes TRAINING, or SERVING where no label is required, if the schema has it.

    Raises:
        ArgumentError: the schema has no environment `wanted`.
    """
    known = {*schema.default_environment}
    for feature in schema.feature:
        known |= {*feature.in_environment, *feature.not_in_environment}
    if wanted and wanted not in known:
        expected = f"one of the schema's environments, {', '.join(sorted(known))}" if known else "none: it has none"
        raise ArgumentError("environment", expected=expected, got=repr(wanted),
                            fix="Add it to default_environment of the schema, or leave environment empty.")  # fmt: skip
    usual = TRAINING if label_required else SERVING
    return wanted or (usual if usual in known else "")


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
            if column in table.column_names and table[column].null_count == table.num_rows:
                feature.lifecycle_stage = schema_pb2.DISABLED
    return relaxed
