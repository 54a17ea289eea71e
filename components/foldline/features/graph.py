"""The TensorFlow graph of a transform: raw columns in, dense features out, everything that it knows inside."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from foldline.artifacts.signature import MISSING_INTEGER, MISSING_STRING, RawColumn
from foldline.features.calendar import (
    day_of_month,
    day_of_week,
    day_of_year,
    hour_of_day,
    minute_of_hour,
    month_of_year,
)
from foldline.features.derived import LARGEST, OPERATIONS
from foldline.features.derived_kinds import Cross
from foldline.features.fitting import Fitted, fit
from foldline.features.kinds import PARTS, Bucketized, Categorical, Datetime, Hashed
from foldline.features.outputs import encoded, indicator_columns
from foldline.features.specification import Specification
from foldline.features.statistics import TableStatistics

_PART_OF = {
    "hour": hour_of_day, "day_of_week": day_of_week, "month": month_of_year, "minute": minute_of_hour,
    "day_of_month": day_of_month, "day_of_year": day_of_year,
}  # fmt: skip
# What a vocabulary says of a word that it does not have.
UNKNOWN = -1
# Between the words of a cross: ASCII's unit separator.
SEPARATOR = "\x1f"

Tensors = Mapping[str, tf.Tensor]


class TransformGraph(tf.Module):  # type: ignore[misc]
    """The graph of a specification and the statistics of some training rows.

    Attributes:
        transform_fn: from raw tensors by column name, shape (n,) each (see `RawColumn`), to `numeric`, float32 of shape
            (n, width), and `categorical`, int32 of shape (n, columns); an output without columns is left out.
        training_fn: only where means of labels are among the features: the same for rows that the transform was fitted
            on, with the number of each row's fold, int64 of shape (n,): its means are those of the other training
            folds. A row of no training fold has the features that `transform_fn` gives it.
    """

    def __init__(
        self,
        columns: Sequence[RawColumn],
        specification: Specification,
        statistics: TableStatistics,
        vocabularies: Path,
        without: Mapping[int, TableStatistics],
    ) -> None:
        """Build the graph.

        Args:
            columns: the raw columns of the specification's features.
            without: see `fit`.
            vocabularies: folder into which the vocabulary files are written, that the graph's tables read.
        """
        super().__init__()
        fitted = fit(specification, statistics, without)
        self._specification = specification
        self._fitted = fitted
        self.vocabulary_files = _write_vocabularies(fitted, vocabularies)
        self._tables = {name: _table(file) for name, file in self.vocabulary_files.items()}
        raw = {column.name: tf.TensorSpec([None], column.tensor_dtype) for column in columns}
        self.transform_fn = tf.function(self._transform, input_signature=[raw])
        if any(values.without for values in fitted.values.values()):
            self.training_fn = tf.function(self._transform, input_signature=[raw, tf.TensorSpec([None], tf.int64)])

    def _transform(self, raw: Tensors, fold: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        raw = {**raw, **self._derived(raw)}
        numeric = [*self._numbers(raw), *self._indicators(raw), *self._parts_of_times(raw)]
        for name, capacity in encoded(self._specification, "one_hot").items():
            numeric.append(tf.one_hot(self._index(raw, name), capacity))
        numeric += [self._values(raw, name, fold) for name in self._fitted.values]
        outputs = {}
        if numeric:
            outputs["numeric"] = tf.concat(numeric, axis=1)
        indices = [self._index(raw, name) for name in encoded(self._specification, "index")]
        if indices:
            outputs["categorical"] = tf.stack(indices, axis=1)
        return outputs

    def _derived(self, raw: Tensors) -> dict[str, tf.Tensor]:
        """What raw columns would be, if derived ones were raw: float64 with NaN, or text with empty ones."""
        made = {}
        for name, feature in self._specification.derived.items():
            if isinstance(feature, Cross):
                missing = tf.stack([self._missing(raw, column) for column in feature.of])
                words = [_words(raw[column]) for column in feature.of]
                made[name] = tf.where(tf.reduce_any(missing, axis=0), "", tf.strings.join(words, SEPARATOR))
            else:
                missing_number = tf.constant(math.nan, tf.float64)
                operands = [
                    tf.where(self._missing(raw, column), missing_number, tf.cast(raw[column], tf.float64))
                    for column in feature.of
                ]
                values = reduce(OPERATIONS[feature.kind], operands)
                made[name] = tf.where(tf.abs(values) <= LARGEST, values, missing_number)
        return made

    def _numbers(self, raw: Tensors) -> list[tf.Tensor]:
        numbers = self._fitted.numbers
        if not numbers:
            return []
        # Whole numbers of 64 bits and small differences of large numbers do not survive float32.
        values = tf.stack([tf.cast(raw[name], tf.float64) for name in numbers], axis=1)
        missing = tf.stack([self._missing(raw, name) for name in numbers], axis=1)

        def constant(key: str) -> tf.Tensor:
            return tf.constant([getattr(number, key) for number in numbers.values()], tf.float64)

        clipped = tf.clip_by_value(tf.where(missing, constant("fill"), values), constant("low"), constant("high"))
        log1p = tf.constant([number.log1p for number in numbers.values()])
        # Outside the chosen columns the logarithm is of 1, so that none is of a negative number.
        shaped = tf.where(log1p, tf.math.log1p(tf.where(log1p, clipped, 0.0)), clipped)
        return [tf.cast((shaped - constant("center")) * constant("factor"), tf.float32)]

    def _indicators(self, raw: Tensors) -> list[tf.Tensor]:
        names = indicator_columns(self._specification)
        if not names:
            return []
        missing = tf.stack([self._missing(raw, name) for name in names], axis=1)
        learned = tf.constant([self._fitted.indicators[name] for name in names])
        return [tf.cast(missing & learned, tf.float32)]

    def _parts_of_times(self, raw: Tensors) -> list[tf.Tensor]:
        columns = []
        for name, fitted in self._fitted.times.items():
            feature = self._specification.features[name]
            assert isinstance(feature, Datetime)
            there = tf.cast(~self._missing(raw, name), tf.float32) * float(fitted)
            for part in feature.parts:
                first, length = PARTS[part]
                table = tf.constant(_places(length, feature.encoding), tf.float32)
                columns.append(tf.gather(table, _PART_OF[part](raw[name]) - first) * there[:, tf.newaxis])
        return columns

    def _index(self, raw: Tensors, name: str) -> tf.Tensor:
        feature, values = self._specification.features[name], raw[name]
        if isinstance(feature, Bucketized):
            edges = tf.constant(self._fitted.edges[name], tf.float64)
            bucket = tf.searchsorted(edges, tf.cast(values, tf.float64), side="right", out_type=tf.int32) + 1
            return tf.where(self._missing(raw, name), 0, bucket)
        missing = self._missing(raw, name)
        words = _words(values)
        if isinstance(feature, Hashed):
            index = tf.strings.to_hash_bucket_fast(words, feature.buckets) + 1
        else:
            assert isinstance(feature, Categorical)
            unknown = tf.strings.to_hash_bucket_fast(words, feature.unknown_buckets) + 1
            line = (
                self._tables[name].lookup(words)
                if name in self._tables
                else tf.fill(tf.shape(words), tf.constant(UNKNOWN, tf.int64))
            )
            index = tf.where(line < 0, unknown, line + feature.reserved)
        return tf.cast(tf.where(missing, tf.zeros_like(index), index), tf.int32)

    def _values(self, raw: Tensors, name: str, fold: tf.Tensor | None) -> tf.Tensor:
        fitted, index = self._fitted.values[name], self._index(raw, name)
        if fold is None or not fitted.without:
            return tf.gather(tf.constant(fitted.table, tf.float32), index)
        folds = tf.constant(list(fitted.without), tf.int64)
        tables = tf.constant(np.stack([fitted.table, *fitted.without.values()]), tf.float32)
        # 0 for a row of no training fold, so the first table, which is fitted on all of them.
        place = tf.reduce_sum(tf.cast(fold[:, tf.newaxis] == folds, tf.int32) * tf.range(1, len(folds) + 1), axis=1)
        return tf.gather_nd(tables, tf.stack([place, index], axis=1))

    def _missing(self, raw: Tensors, name: str) -> tf.Tensor:
        values = raw[name]
        if values.dtype.is_floating:
            return tf.math.is_nan(values)
        return values == (MISSING_STRING if values.dtype == tf.string else MISSING_INTEGER)


def _words(values: tf.Tensor) -> tf.Tensor:
    return values if values.dtype == tf.string else tf.strings.as_string(values)


def _places(length: int, encoding: str) -> NDArray[np.float64]:
    """What stands for each place of a cycle; shape (length, width).

    A table, since TensorFlow's sine differs in the last bit between a row alone and rows together.
    """
    if encoding == "one_hot":
        return np.eye(length)
    if encoding == "ordinal":
        return np.linspace(0, 1, length)[:, np.newaxis]
    angles = [2 * math.pi * place / length for place in range(length)]
    return np.array([[math.sin(angle), math.cos(angle)] for angle in angles])


def _write_vocabularies(fitted: Fitted, folder: Path) -> dict[str, Path]:
    """A file for each vocabulary that has words; TensorFlow takes no empty file."""
    files = {}
    for position, (name, words) in enumerate(fitted.vocabularies.items()):
        if words:
            files[name] = folder / f"vocabulary-{position:03}.txt"
            files[name].write_bytes(b"".join(word.encode() + b"\n" for word in words))
    return files


def _table(file: Path) -> tf.lookup.StaticHashTable:
    lines = tf.lookup.TextFileInitializer(
        str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    return tf.lookup.StaticHashTable(lines, default_value=UNKNOWN)
