"""The TensorFlow graph of a transform: raw columns in, dense features out, everything that it knows inside."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from foldline.artifacts.signature import MISSING_INTEGER, MISSING_STRING, RawColumn
from foldline.artifacts.transform import Layout
from foldline.features.calendar import day_of_week, hour_of_day, month_of_year
from foldline.features.fitting import Fitted, fit
from foldline.features.kinds import RESERVED, Datetime
from foldline.features.outputs import encoded, indicator_columns, layout
from foldline.features.specification import Specification
from foldline.features.statistics import TableStatistics

# The part of a time, the first place of its cycle, and how many there are.
_CYCLES = {"hour": (hour_of_day, 0, 24), "day_of_week": (day_of_week, 0, 7), "month": (month_of_year, 1, 12)}

Tensors = Mapping[str, tf.Tensor]


class TransformGraph(tf.Module):  # type: ignore[misc]
    """The graph of a specification and the statistics of some training rows.

    Attributes:
        transform_fn: from raw tensors by column name, shape (n,) each (see `RawColumn`), to `numeric`, float32 of shape
            (n, width), and `categorical`, int32 of shape (n, columns); an output without columns is left out.
    """

    def __init__(
        self,
        columns: Sequence[RawColumn],
        specification: Specification,
        statistics: TableStatistics,
        vocabularies: Path,
    ) -> None:
        """Build the graph.

        Args:
            columns: the raw columns of the specification's features.
            vocabularies: folder into which the vocabulary files are written, that the graph's tables read.
        """
        super().__init__()
        fitted = fit(specification, statistics)
        self._specification = specification
        self._fitted = fitted
        self.vocabulary_files = _write_vocabularies(fitted, vocabularies)
        self._tables = {name: _table(file) for name, file in self.vocabulary_files.items()}
        raw = {column.name: tf.TensorSpec([None], column.tensor_dtype) for column in columns}
        self.transform_fn = tf.function(self._transform, input_signature=[raw])

    def _transform(self, raw: Tensors) -> dict[str, tf.Tensor]:
        numeric = [*self._numbers(raw), *self._indicators(raw), *self._cycles(raw)]
        for name, capacity in encoded(self._specification, "one_hot").items():
            numeric.append(tf.one_hot(self._index(raw, name), capacity))
        outputs = {}
        if numeric:
            outputs["numeric"] = tf.concat(numeric, axis=1)
        indices = [self._index(raw, name) for name in encoded(self._specification, "index")]
        if indices:
            outputs["categorical"] = tf.stack(indices, axis=1)
        return outputs

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

    def _cycles(self, raw: Tensors) -> list[tf.Tensor]:
        columns = []
        for name, fitted in self._fitted.times.items():
            feature = self._specification.columns[name]
            assert isinstance(feature, Datetime)
            there = tf.cast(~self._missing(raw, name), tf.float32) * float(fitted)
            for part in feature.parts:
                place_of, start, length = _CYCLES[part]
                # From a table, since TensorFlow's sine differs in the last bit between a row alone and rows together.
                angles = [2 * math.pi * place / length for place in range(length)]
                waves = tf.constant([[math.sin(angle), math.cos(angle)] for angle in angles], tf.float32)
                columns.append(tf.gather(waves, place_of(raw[name]) - start) * there[:, tf.newaxis])
        return columns

    def _index(self, raw: Tensors, name: str) -> tf.Tensor:
        if name in self._fitted.edges:
            edges = tf.constant(self._fitted.edges[name], tf.float64)
            bucket = tf.searchsorted(edges, tf.cast(raw[name], tf.float64), side="right", out_type=tf.int32) + 1
            return tf.where(self._missing(raw, name), 0, bucket)
        values = raw[name]
        missing = values == (MISSING_STRING if values.dtype == tf.string else MISSING_INTEGER)
        words = values if values.dtype == tf.string else tf.strings.as_string(values)
        unknown = tf.fill(tf.shape(words), tf.constant(-1, tf.int64))
        line = self._tables[name].lookup(words) if name in self._tables else unknown
        index = tf.where(line < 0, tf.constant(RESERVED - 1, tf.int64), line + RESERVED)
        return tf.cast(tf.where(missing, tf.zeros_like(index), index), tf.int32)

    def _missing(self, raw: Tensors, name: str) -> tf.Tensor:
        values = raw[name]
        return tf.math.is_nan(values) if values.dtype == tf.float32 else values == MISSING_INTEGER


def write_graph(
    folder: Path, columns: Sequence[RawColumn], specification: Specification, statistics: TableStatistics, scratch: Path
) -> None:
    """Write the graph into the new folder `folder`, in the layout that `tft.TFTransformOutput` reads.

    `transform_fn` is the SavedModel (vocabularies in its `assets`, one word a line), `transformed_metadata` has the
    outputs' schema and `asset_map`, which names the vocabulary file of each column. The SavedModel has the function
    `transform_fn` and no signature: by a signature TFT would take it for one of TensorFlow 1.

    Args:
        scratch: a new folder for vocabulary files until they are inside the SavedModel.
    """
    scratch.mkdir(parents=True)
    graph = TransformGraph(columns, specification, statistics, scratch)
    tf.saved_model.save(graph, str(folder / "transform_fn"), signatures={})
    metadata = folder / "transformed_metadata"
    metadata.mkdir()
    assets = {name: file.name for name, file in graph.vocabulary_files.items()}
    (metadata / "asset_map").write_text(json.dumps(assets), encoding="utf-8")
    (metadata / "schema.pbtxt").write_text(_schema_text(layout(specification)), encoding="utf-8")


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
    return tf.lookup.StaticHashTable(lines, default_value=-1)


def _schema_text(outputs: Layout) -> str:
    """The outputs as a `tensorflow_metadata` Schema in protobuf's text form."""
    features = []
    if outputs.numeric:
        features.append(_feature_text("numeric", "FLOAT", len(outputs.numeric), ""))
    if outputs.categorical:
        largest = max(feature.capacity for feature in outputs.categorical) - 1
        domain = f"  int_domain {{ min: 0 max: {largest} is_categorical: true }}\n"
        features.append(_feature_text("categorical", "INT", len(outputs.categorical), domain))
    return "".join(features)


def _feature_text(name: str, kind: str, width: int, domain: str) -> str:
    return (
        f'feature {{\n  name: "{name}"\n  type: {kind}\n  presence {{ min_fraction: 1.0 }}\n{domain}'
        f"  shape {{ dim {{ size: {width} }} }}\n}}\n"
    )
