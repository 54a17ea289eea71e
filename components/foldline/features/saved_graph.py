"""A transform's graph on disk, in the layout that `tft.TFTransformOutput` reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import tensorflow as tf

from foldline.artifacts.signature import RawColumn
from foldline.artifacts.transform import Layout
from foldline.features.graph import TransformGraph
from foldline.features.outputs import layout
from foldline.features.specification import Specification
from foldline.features.statistics import TableStatistics


def write_graph(
    folder: Path,
    columns: Sequence[RawColumn],
    specification: Specification,
    statistics: TableStatistics,
    scratch: Path,
    without: Mapping[int, TableStatistics] = MappingProxyType({}),
) -> None:
    """Write the graph into the new folder `folder`, in the layout that `tft.TFTransformOutput` reads.

    `transform_fn` is the SavedModel (vocabularies in its `assets`, one word a line), `transformed_metadata` has the
    outputs' schema and `asset_map`, which names the vocabulary file of each column. The SavedModel has the function
    `transform_fn`, perhaps `training_fn`, and no signature: by a signature TFT would take it for one of TensorFlow 1.

    Args:
        scratch: a new folder for vocabulary files until they are inside the SavedModel.
        without: see `fit`.
    """
    scratch.mkdir(parents=True)
    graph = TransformGraph(columns, specification, statistics, scratch, without)
    tf.saved_model.save(graph, str(folder / "transform_fn"), signatures={})
    metadata = folder / "transformed_metadata"
    metadata.mkdir()
    assets = {name: file.name for name, file in graph.vocabulary_files.items()}
    (metadata / "asset_map").write_text(json.dumps(assets), encoding="utf-8")
    (metadata / "schema.pbtxt").write_text(_schema_text(layout(specification)), encoding="utf-8")


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
