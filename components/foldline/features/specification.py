"""The feature specification: a typed, versioned document that says for each column what it becomes.

Version 1, as JSON or YAML; every key but `kind` may be left out and is then filled in from the training rows:

    {"version": 1, "columns": {
      "distance": {"kind": "numeric", "impute": "median", "missing_indicator": false, "clip": [0.001, 0.999],
                   "scale": "z_score"},
      "express": {"kind": "boolean", "missing_indicator": true},
      "carrier": {"kind": "categorical", "capacity": 18, "minimum_count": 2},
      "time_hour": {"kind": "datetime", "parts": ["hour", "day_of_week"], "missing_indicator": false},
      "id": {"kind": "ignore", "reason": "different in every row"}}}
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from foldline.artifacts.dataset import Column
from foldline.errors import ArgumentError, DataError
from foldline.features.statistics import ColumnStatistics, NumberStatistics, TableStatistics, TimeStatistics

VERSION = 1
IMPUTATIONS = ("median", "mean")
SCALES = ("z_score", "none")
PARTS = ("hour", "day_of_week", "month")

DEFAULT_CLIP = (0.001, 0.999)
MOST_WORDS = 5_000
# Words that only one training row has become the unknown word, so that its meaning is learned from some rows.
DEFAULT_MINIMUM_COUNT = 2
# Indices before the words: 0 is a missing value, 1 a word outside the vocabulary.
RESERVED = 2

# A whole-number column counts as categories when it has this many different values and each has enough rows to learn
# from; two values say the same as a number, and many are more likely a quantity.
CATEGORY_VALUES = range(3, 33)
ROWS_PER_CATEGORY = 100
# Texts that differ in more than this share of rows, with more different ones than the second, name rows, not groups.
IDENTIFIER_SHARE = 0.5
IDENTIFIER_WORDS = 20


@dataclass(frozen=True)
class Numeric:
    """A number: missing values filled, clipped to quantiles of the training rows, scaled.

    Attributes:
        impute: `median` or `mean` of the training rows, taken before clipping.
        missing_indicator: whether a column of its own says which values were missing (1) and which not (0).
        clip: fractions of the two quantiles, or None for no clipping.
        scale: `z_score` (mean 0, standard deviation 1 over the training rows with a value) or `none`.
    """

    kind: ClassVar[str] = "numeric"
    dtypes: ClassVar[tuple[str, ...]] = ("int64", "float64")

    impute: str
    missing_indicator: bool
    clip: tuple[float, float] | None
    scale: str


@dataclass(frozen=True)
class Boolean:
    """True is 1, false and missing are 0."""

    kind: ClassVar[str] = "boolean"
    dtypes: ClassVar[tuple[str, ...]] = ("bool",)

    missing_indicator: bool


@dataclass(frozen=True)
class Categorical:
    """An index: 0 for a missing value, 1 for a word outside the vocabulary, then the training rows' words, most
    frequent first and equally frequent ones in the order of their bytes. Whole numbers count as their decimal text.

    Attributes:
        capacity: number of indices, the two reserved ones included; the same in every fold.
        minimum_count: a word of the vocabulary occurs at least this often in the training rows.
    """

    kind: ClassVar[str] = "categorical"
    dtypes: ClassVar[tuple[str, ...]] = ("string", "int64")

    capacity: int
    minimum_count: int


@dataclass(frozen=True)
class Datetime:
    """A time in UTC: sine and cosine of each part's place in its cycle; zeros where it is missing."""

    kind: ClassVar[str] = "datetime"
    dtypes: ClassVar[tuple[str, ...]] = ("timestamp",)

    parts: tuple[str, ...]
    missing_indicator: bool


@dataclass(frozen=True)
class Ignore:
    """No feature, and the reason."""

    kind: ClassVar[str] = "ignore"
    dtypes: ClassVar[tuple[str, ...]] = ("int64", "float64", "string", "bool", "timestamp")

    reason: str


Feature = Numeric | Boolean | Categorical | Datetime | Ignore
KINDS: dict[str, type[Feature]] = {kind.kind: kind for kind in (Numeric, Boolean, Categorical, Datetime, Ignore)}
# What a column's dtype becomes when nothing else is said.
_NATURAL: dict[str, type[Feature]] = {
    "int64": Numeric, "float64": Numeric, "bool": Boolean, "string": Categorical, "timestamp": Datetime
}  # fmt: skip
Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Specification:
    """What each column becomes, complete: the ignored columns too, in the dataset's order."""

    columns: Mapping[str, Feature]

    @property
    def features(self) -> dict[str, Feature]:
        """The columns that become features."""
        return {name: feature for name, feature in self.columns.items() if not isinstance(feature, Ignore)}

    @property
    def ignored(self) -> dict[str, str]:
        """The columns that become none, with the reason."""
        return {name: feature.reason for name, feature in self.columns.items() if isinstance(feature, Ignore)}

    def to_json(self) -> dict[str, Any]:
        columns = {
            name: {"kind": feature.kind}
            | {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(feature).items()}
            for name, feature in self.columns.items()
        }
        return {"version": VERSION, "columns": columns}


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
    checked = {name: _check_column(name, statement, dtypes) for name, statement in stated.items()}
    if label in checked and checked[label]["kind"] != Ignore.kind:
        raise ArgumentError(
            f"specification, column {label!r}",
            expected="the kind ignore, since it is the label",
            got=checked[label]["kind"],
        )
    return checked


def _check_column(name: str, statement: Any, dtypes: Mapping[str, str]) -> Statement:
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
    keys = tuple(kind.__dataclass_fields__)
    for key in statement:
        if key not in ("kind", *keys):
            raise ArgumentError(what, expected=f"the keys {', '.join(('kind', *keys))}", got=f"the key {key!r}")
    return {"kind": kind.kind} | {key: _check_value(what, key, statement[key]) for key in keys if key in statement}


def _check_value(what: str, key: str, value: Any) -> Any:
    def wrong(expected: str) -> ArgumentError:
        return ArgumentError(f"{what}, key {key!r}", expected=expected, got=repr(value))

    if key in ("impute", "scale"):
        allowed = IMPUTATIONS if key == "impute" else SCALES
        if not isinstance(value, str) or value not in allowed:
            raise wrong(f"one of {', '.join(allowed)}")
        return value
    if key == "missing_indicator":
        if not isinstance(value, bool):
            raise wrong("true or false")
        return value
    if key in ("capacity", "minimum_count"):
        least = RESERVED + 1 if key == "capacity" else 1
        whole = isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
        if not whole or not least <= value < 2**31:
            raise wrong(f"a whole number from {least}")
        return int(value)
    if key == "clip":
        return _check_clip(value, wrong("null or two fractions in increasing order, both from 0 to 1"))
    if key == "parts":
        if not isinstance(value, (list, tuple)) or not value or any(part not in PARTS for part in value):
            raise wrong(f"a list of {', '.join(PARTS)}")
        if len(set(value)) < len(value):
            raise wrong("each part once")
        return tuple(value)
    if not isinstance(value, str):
        raise wrong("text")
    return value


def _check_clip(value: Any, wrong: ArgumentError) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = isinstance(value, (list, tuple)) and len(value) == 2
    if not numbers or any(isinstance(item, bool) or not isinstance(item, (int, float)) for item in value):
        raise wrong
    low, high = float(value[0]), float(value[1])
    if not 0 <= low < high <= 1:
        raise wrong
    return low, high


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
        DataError: a column that is stated as a feature has no value in the training rows.
    """
    features: dict[str, Feature] = {}
    for column in columns:
        name, statement = column.name, stated.get(column.name)
        if name == label:
            features[name] = Ignore("the label")
        elif name in excluded:
            features[name] = Ignore("named in exclude_columns")
        elif statement is None:
            features[name] = Ignore("not named in the specification") if stated else _infer(column, statistics[name])
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
            features[name] = _fill(KINDS[statement["kind"]], statement, statistics[name])
    return Specification(features)


def _infer(column: Column, found: ColumnStatistics) -> Feature:
    if not found.present:
        return Ignore("no values in the training rows")
    if isinstance(found, TimeStatistics):
        return _fill(Datetime, {}, found) if _varying_parts(found) or found.missing else Ignore("constant")
    different = len(found.values if isinstance(found, NumberStatistics) else found.words)
    if different == 1 and not found.missing:
        return Ignore("the same value in every training row")
    if isinstance(found, NumberStatistics):
        if column.dtype == "int64" and _counts_rows(found):
            return Ignore("a number of its own in every training row, counting rows")
        enough = different in CATEGORY_VALUES and found.present >= ROWS_PER_CATEGORY * different
        kind = Categorical if column.dtype == "int64" and enough else _NATURAL[column.dtype]
        return _fill(kind, {}, found)
    if different > IDENTIFIER_WORDS and different > IDENTIFIER_SHARE * found.present:
        return Ignore(f"an identifier: {different} different texts in {found.present} training rows")
    return _fill(Categorical, {}, found)


def _counts_rows(found: NumberStatistics) -> bool:
    """Whether a whole-number column looks like a row's number: all different, none missing, none far above the rows."""
    alone = len(found.values) == found.rows > IDENTIFIER_WORDS
    return alone and bool(found.values[0] >= 0) and bool(found.values[-1] < 2 * found.rows)


def _fill(kind: type[Feature], statement: Statement, found: ColumnStatistics) -> Feature:
    """The feature of a kind: stated keys as they are, the others from the training rows."""
    indicator = statement.get("missing_indicator", found.missing > 0)
    if kind is Numeric:
        clip = statement.get("clip", DEFAULT_CLIP)
        return Numeric(statement.get("impute", "median"), indicator, clip, statement.get("scale", "z_score"))
    if kind is Boolean:
        return Boolean(indicator)
    if kind is Datetime and isinstance(found, TimeStatistics):
        return Datetime(statement.get("parts", _varying_parts(found) or PARTS[:1]), indicator)
    least = statement.get("minimum_count", DEFAULT_MINIMUM_COUNT)
    words = int((found.counts >= least).sum()) if not isinstance(found, TimeStatistics) else 0
    return Categorical(statement.get("capacity", RESERVED + max(1, min(MOST_WORDS, words))), least)


def _varying_parts(found: TimeStatistics) -> tuple[str, ...]:
    counts = {"hour": found.hours, "day_of_week": found.days, "month": found.months}
    return tuple(part for part in PARTS if (counts[part] > 0).sum() > 1)
