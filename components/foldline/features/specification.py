"""The feature specification: a typed, versioned document that says for each column what it becomes.

Version 1, as JSON or YAML; every key but `kind` may be left out and is then filled in from the training rows:

    {"version": 1, "columns": {
      "distance": {"kind": "numeric", "impute": "median", "missing_indicator": false, "clip": [0.001, 0.999],
                   "scale": "z_score"},
      "express": {"kind": "boolean", "missing_indicator": true},
      "carrier": {"kind": "categorical", "capacity": 18, "minimum_count": 2},
      "time_hour": {"kind": "datetime", "parts": ["hour", "day_of_week"], "missing_indicator": false},
      "id": {"kind": "ignore", "reason": "different in every row"}}}

A key that was added to a kind later is off unless it is stated, and is written only where it is on: a document means
the same for ever, and its version stays.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from foldline.artifacts.dataset import Column
from foldline.errors import ArgumentError, DataError
from foldline.features.inference import fill, infer
from foldline.features.kinds import KINDS, VERSION, Feature, Ignore, Numeric, Statement, keys_of
from foldline.features.statistics import ColumnStatistics, NumberStatistics, TableStatistics
from foldline.features.words import WordStatistics


@dataclass(frozen=True)
class Specification:
    """What each column becomes, complete: the ignored columns too, in the dataset's order.

    Attributes:
        outputs: number of means that stand for a label: one for each of more than two classes.
    """

    columns: Mapping[str, Feature]
    outputs: int = 1

    @property
    def features(self) -> dict[str, Feature]:
        """The columns that become features."""
        return {name: feature for name, feature in self.columns.items() if not isinstance(feature, Ignore)}

    @property
    def ignored(self) -> dict[str, str]:
        """The columns that become none, with the reason."""
        return {name: feature.reason for name, feature in self.columns.items() if isinstance(feature, Ignore)}

    def to_json(self) -> dict[str, Any]:
        return {"version": VERSION, "columns": {name: written(feature) for name, feature in self.columns.items()}}


def written(feature: Feature) -> dict[str, Any]:
    """A feature as the document states it."""
    content: dict[str, Any] = {"kind": feature.kind}
    for one in fields(feature):
        value = getattr(feature, one.name)
        if value != one.default:
            content[one.name] = list(value) if isinstance(value, tuple) else value
    return content


def read_document(document: Any, columns: Sequence[Column], label: str) -> dict[str, Statement]:
    """What a person's document states for each column, checked; empty for an empty document.

    Args:
        document: as in the module's description; whole numbers may come as floats, as local runs make them.
        columns: the dataset's columns.
        label: name of the label column, which is never a feature.

    Raises:
        ArgumentError: naming the column and key that are at fault.
    """
    if not isinstance(document, Mapping):
        raise ArgumentError("specification", expected="a mapping with the keys version and columns", got=repr(document))
    if not document:
        return {}
    unknown = sorted(set(map(str, document)) - {"version", "columns"})
    if unknown:
        raise ArgumentError("specification", expected="the keys version and columns", got=f"the key {unknown[0]!r}")
    if document.get("version") != VERSION or isinstance(document.get("version"), bool):
        raise ArgumentError("specification, key 'version'", expected=str(VERSION), got=repr(document.get("version")))
    stated = document.get("columns")
    if not isinstance(stated, Mapping):
        raise ArgumentError("specification, key 'columns'", expected="a mapping of column names", got=repr(stated))
    dtypes = {column.name: column.dtype for column in columns}
    checked = {name: _read_column(name, statement, dtypes) for name, statement in stated.items()}
    if label in checked and checked[label]["kind"] != Ignore.kind:
        raise ArgumentError(
            f"specification, column {label!r}",
            expected="the kind ignore, since it is the label",
            got=checked[label]["kind"],
        )
    return checked


def _read_column(name: str, statement: Any, dtypes: Mapping[str, str]) -> Statement:
    what = f"specification, column {name!r}"
    if name not in dtypes:
        raise ArgumentError(what, expected=f"one of the dataset's columns {sorted(dtypes)}", got="no such column")
    if not isinstance(statement, Mapping) or "kind" not in statement:
        raise ArgumentError(what, expected="a mapping with the key kind", got=repr(statement))
    kind = KINDS.get(statement["kind"]) if isinstance(statement["kind"], str) else None
    if kind is None:
        raise ArgumentError(f"{what}, key 'kind'", expected=f"one of {', '.join(KINDS)}", got=repr(statement["kind"]))
    if dtypes[name] not in kind.dtypes:
        expected = f"a column of dtype {' or '.join(kind.dtypes)} for the kind {kind.kind}"
        raise ArgumentError(what, expected=expected, got=dtypes[name])
    return read_statement(what, kind, statement)


def read_statement(what: str, kind: type[Feature], statement: Mapping[str, Any]) -> Statement:
    """The stated keys of a kind, checked.

    Raises:
        ArgumentError: a key is unknown, or has a value that it cannot have.
    """
    known = keys_of(kind)
    for name in statement:
        if name not in ("kind", *known):
            raise ArgumentError(what, expected=f"the keys {', '.join(('kind', *known))}", got=f"the key {name!r}")
    read: dict[str, Any] = {"kind": kind.kind}
    for name, key in known.items():
        if name in statement:
            try:
                read[name] = key.read(statement[name])
            except ValueError as wrong:
                where = f"{what}, key {name!r}"
                raise ArgumentError(where, expected=str(wrong), got=repr(statement[name])) from None
    conflict = kind.conflict(read)
    if conflict:
        name, expected = conflict
        got = repr(statement[name]) if name in statement else f"no such key in {dict(statement)}"
        raise ArgumentError(f"{what}, key {name!r}", expected=expected, got=got)
    return read


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
            if not statistics[name].present:
                raise DataError(
                    f"column {name!r}, stated as {statement['kind']}",
                    expected="a value in at least one training row",
                    got=f"{statistics[name].rows} training rows, all without one",
                    fix="Give it the kind ignore.",
                )
            features[name] = fill(KINDS[statement["kind"]], statement, statistics[name])
            _check_logarithm(name, features[name], statistics[name])
    widths = [found.label_sums.shape[1] for found in statistics.values() if isinstance(found, WordStatistics)]
    return Specification(features, max(widths, default=0) or 1)


def _check_logarithm(name: str, feature: Feature, found: ColumnStatistics) -> None:
    if isinstance(feature, Numeric) and feature.log1p and isinstance(found, NumberStatistics) and found.values[0] < 0:
        raise DataError(
            f"column {name!r}, key 'log1p'",
            expected="no negative values in the training rows",
            got=f"{int(found.counts[found.values < 0].sum())}, the smallest {found.values[0]}",
            fix="Leave log1p out.",
        )
