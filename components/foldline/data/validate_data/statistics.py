"""Statistics by TensorFlow Data Validation, in memory and in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2


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


def statistics_of(statistics: Any, name: str) -> statistics_pb2.FeatureNameStatistics | None:
    """The statistics of the column `name`."""
    for feature in statistics.datasets[0].features:
        if list(feature.path.step) == [name]:
            return feature
    return None
