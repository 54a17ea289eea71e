"""The feature specification: a typed, versioned document that says for each column what it becomes.

Version 1, as JSON or YAML; every key but `kind` may be left out and is then filled in from the training rows:

    {"version": 1, "columns": {
      "distance": {"kind": "numeric", "impute": "median", "missing_indicator": false, "clip": [0.001, 0.999],
                   "scale": "z_score"},
      "express": {"kind": "boolean", "missing_indicator": true},
      "carrier": {"kind": "categorical", "capacity": 18, "minimum_count": 2},
      "time_hour": {"kind": "datetime", "parts": ["hour", "day_of_week"], "missing_indicator": false},
      "id": {"kind": "ignore", "reason": "different in every row"}},
     "derived": {
      "speed": {"kind": "ratio", "of": ["distance", "air_time"], "scale": "robust"},
      "route": {"kind": "cross", "of": ["origin", "dest"], "buckets": 1000}}}

A key that was added to a kind later is off unless it is stated, and is written only where it is on: a document means
the same for ever, and its version stays.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from foldline.artifacts.dataset import Column
from foldline.errors import ArgumentError, DataError
from foldline.features.derived_kinds import DERIVED, Derived
from foldline.features.inference import fill, infer
from foldline.features.kinds import KINDS, VERSION, Feature, Ignore, Numeric, Statement
from foldline.features.statistics import ColumnStatistics, NumberStatistics, TableStatistics
from foldline.features.words import WordStatistics


@dataclass(frozen=True)
class Specification:
    """What each column becomes, complete: the ignored columns too, in the dataset's order.

    Attributes:
        derived: features that are made of several columns, by their own names.
        outputs: number of means that stand for a label: one for each of more than two classes.
    """

    columns: Mapping[str, Feature]
    derived: Mapping[str, Derived] = field(default_factory=dict)
    outputs: int = 1

    @property
    def features(self) -> dict[str, Feature]:
        """The columns that become features, then the derived ones."""
        return {**{name: self.columns[name] for name in self.columns if name not in self.ignored}, **self.derived}

    @property
    def raw_columns(self) -> set[str]:
        """The columns that features are made of."""
        operands = {column for feature in self.derived.values() for column in feature.of}
        return operands | {name for name, feature in self.columns.items() if not isinstance(feature, Ignore)}

    @property
    def ignored(self) -> dict[str, str]:
        """The columns that become none, with the reason."""
        return {name: feature.reason for name, feature in self.columns.items() if isinstance(feature, Ignore)}

    def to_json(self) -> dict[str, Any]:
        content = {"version": VERSION, "columns": {name: written(feature) for name, feature in self.columns.items()}}
        derived = {name: written(feature) for name, feature in self.derived.items()}
        return content | ({"derived": derived} if derived else {})


def written(feature: Feature) -> dict[str, Any]:
    """A feature as the document states it."""
    content: dict[str, Any] = {"kind": feature.kind}
    for one in fields(feature):
        value = getattr(feature, one.name)
        if value != one.default:
            content[one.name] = list(value) if isinstance(value, tuple) else value
    return content


def candidates(
    columns: Sequence[Column], stated: Mapping[str, Statement], label: str, excluded: Collection[str]
) -> list[Column]:
    """The columns that may become features, so whose statistics are needed."""
    chosen = [column for column in columns if column.name != label and column.name not in excluded]
    if not stated:
        return chosen
    return [item for item in chosen if item.name in stated and stated[item.name]["kind"] != Ignore.kind]


def complete(
    columns: Sequence[Column],
    stated: Mapping[str, Statement],
    statistics: TableStatistics,
    *,
    label: str,
    excluded: Collection[str],
) -> Specification:
    """The whole specification: what is stated, and the rest from the statistics of the training rows.

    Without statements every column is judged by its dtype and values. With statements the columns that they do not
    name are no features, so that a document means the same for a dataset with more columns.

    Raises:
        ArgumentError: a derived feature is made of an excluded column.
        DataError: a column that is stated as a feature has no value in the training rows, or negative ones of which
            the logarithm is wanted.
    """
    features: dict[str, Feature] = {}
    for column in columns:
        name, statement = column.name, stated.get(column.name)
        if name == label:
            features[name] = Ignore("the label")
        elif name in excluded:
            features[name] = Ignore("named in exclude_columns")
        elif statement is None:
            features[name] = Ignore("not named in the specification") if stated else infer(column, statistics[name])
        elif statement["kind"] == Ignore.kind:
            features[name] = Ignore(statement.get("reason", "stated"))
        else:
            features[name] = _complete(KINDS[statement["kind"]], name, statement, statistics)
    derived: dict[str, Derived] = {}
    for name, statement in stated.items():
        if "of" in statement:
            out = [column for column in statement["of"] if column in excluded]
            if out:
                what, expected = f"specification, derived column {name!r}, key 'of'", "no column of exclude_columns"
                raise ArgumentError(what, expected=expected, got=repr(out[0]))
            derived[name] = _complete(DERIVED[statement["kind"]], name, statement, statistics)
    widths = [found.label_sums.shape[1] for found in statistics.values() if isinstance(found, WordStatistics)]
    return Specification(features, derived, max(widths, default=0) or 1)


def _complete(kind: type[Any], name: str, statement: Statement, statistics: TableStatistics) -> Any:
    found = statistics.get(name)
    if found is not None and not found.present:
        raise DataError(
            f"column {name!r}, stated as {statement['kind']}",
            expected="a value in at least one training row",
            got=f"{found.rows} training rows, all without one",
            fix="Leave it out." if "of" in statement else "Give it the kind ignore.",
        )
    feature = fill(kind, statement, found)
    if found is not None:
        _check_logarithm(name, feature, found)
    return feature


def _check_logarithm(name: str, feature: Feature, found: ColumnStatistics) -> None:
    if isinstance(feature, Numeric) and feature.log1p and isinstance(found, NumberStatistics) and found.values[0] < 0:
        raise DataError(
            f"column {name!r}, key 'log1p'",
            expected="no negative values in the training rows",
            got=f"{int(found.counts[found.values < 0].sum())}, the smallest {found.values[0]}",
            fix="Leave log1p out.",
        )
