"""Names and widths of what a graph gives, which depend on the specification alone."""

from foldline.artifacts.transform import CategoricalFeature, Layout
from foldline.features.kinds import ENCODINGS, Boolean, Bucketized, Categorical, Datetime, Hashed, Numeric
from foldline.features.specification import Specification


def layout(specification: Specification) -> Layout:
    """Numbers, then indicators (with `_missing` after the column's name), then parts of times, then a
    column for each index of what is one-hot, then frequencies and means of the label; and the indices."""
    features = specification.features
    numeric = [name for name, feature in features.items() if isinstance(feature, (Numeric, Boolean))]
    numeric += [f"{name}_missing" for name in indicator_columns(specification)]
    for name, feature in features.items():
        if isinstance(feature, Datetime):
            numeric += [f"{name}_{part}{column}" for part in feature.parts for column in feature.columns(part)]
    numeric += [
        f"{name}_index_{index}"
        for name, capacity in encoded(specification, "one_hot").items()
        for index in range(capacity)
    ]
    for name, feature in features.items():
        if isinstance(feature, Categorical) and feature.encoding not in ENCODINGS:
            several = feature.encoding == "target_mean" and specification.outputs > 1
            each = [f"_{output}" for output in range(specification.outputs)] if several else [""]
            numeric += [f"{name}_{feature.encoding}{output}" for output in each]
    categorical = [CategoricalFeature(*item) for item in encoded(specification, "index").items()]
    return Layout(tuple(numeric), tuple(categorical))


def indicator_columns(specification: Specification) -> list[str]:
    """The columns that have a missing indicator."""
    with_indicator = (Numeric, Boolean, Datetime)
    return [
        name
        for name, feature in specification.features.items()
        if isinstance(feature, with_indicator) and feature.missing_indicator
    ]


def encoded(specification: Specification, encoding: str) -> dict[str, int]:
    """The columns that become an index and are encoded so, with the number of indices."""
    return {
        name: feature.capacity
        for name, feature in specification.features.items()
        if isinstance(feature, (Categorical, Bucketized, Hashed)) and feature.encoding == encoding
    }
