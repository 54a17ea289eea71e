"""What is not stated of a column, from its dtype and the values of its training rows."""

from typing import Any

from foldline.artifacts.dataset import Column
from foldline.features.kinds import (
    ENCODINGS,
    Boolean,
    Bucketized,
    Categorical,
    Datetime,
    Feature,
    Hashed,
    Ignore,
    Numeric,
    Statement,
)
from foldline.features.statistics import ColumnStatistics, NumberStatistics, TimeStatistics

DEFAULT_CLIP = (0.001, 0.999)
DEFAULT_BUCKETS = 10
DEFAULT_HASH_BUCKETS = 1_000
# Rows that an index needs before its own mean counts for more than the overall one.
DEFAULT_SMOOTHING = 10.0
MOST_WORDS = 5_000
# A column for each of more words is wider than what it tells.
MOST_ONE_HOT = 50
# Words that only one training row has become the unknown word, so that its meaning is learned from some rows.
DEFAULT_MINIMUM_COUNT = 2
# A whole-number column counts as categories when it has this many different values and each has enough rows to learn
# from; two values say the same as a number, and many are more likely a quantity.
CATEGORY_VALUES = range(3, 33)
ROWS_PER_CATEGORY = 100
# Texts that differ in more than this share of rows, with more different ones than the second, name rows, not groups.
IDENTIFIER_SHARE = 0.5
IDENTIFIER_WORDS = 20
# What a column's dtype becomes when nothing else is said.
_NATURAL: dict[str, type[Feature]] = {
    "int64": Numeric, "float64": Numeric, "bool": Boolean, "string": Categorical, "timestamp": Datetime
}  # fmt: skip


def infer(column: Column, found: ColumnStatistics) -> Feature:
    """What a column becomes that nothing is stated of."""
    if not found.present:
        return Ignore("no values in the training rows")
    if isinstance(found, TimeStatistics):
        return fill(Datetime, {}, found) if _varying_parts(found) or found.missing else Ignore("constant")
    different = len(found.values if isinstance(found, NumberStatistics) else found.words)
    if different == 1 and not found.missing:
        return Ignore("the same value in every training row")
    if isinstance(found, NumberStatistics):
        if column.dtype == "int64" and _counts_rows(found):
            return Ignore("a number of its own in every training row, counting rows")
        enough = different in CATEGORY_VALUES and found.present >= ROWS_PER_CATEGORY * different
        kind = Categorical if column.dtype == "int64" and enough else _NATURAL[column.dtype]
        return fill(kind, {}, found)
    if different > IDENTIFIER_WORDS and different > IDENTIFIER_SHARE * found.present:
        return Ignore(f"an identifier: {different} different texts in {found.present} training rows")
    return fill(Categorical, {}, found)


def _counts_rows(found: NumberStatistics) -> bool:
    """Whether a whole-number column looks like a row's number: all different, none missing, none far above the rows."""
    alone = len(found.values) == found.rows > IDENTIFIER_WORDS
    return alone and bool(found.values[0] >= 0) and bool(found.values[-1] < 2 * found.rows)


def fill(kind: type[Feature], statement: Statement, found: ColumnStatistics | None) -> Feature:
    """The feature of a kind: stated keys as they are, the others from the training rows, of which nothing is needed for
    a hash."""
    stated = {name: value for name, value in statement.items() if name != "kind"}
    natural: dict[str, Any] = {}
    if issubclass(kind, Hashed):
        natural["buckets"] = DEFAULT_HASH_BUCKETS
    if found is None:
        return kind(**natural | stated)
    if issubclass(kind, (Numeric, Boolean, Datetime)):
        natural["missing_indicator"] = found.missing > 0
    if issubclass(kind, Numeric):
        natural |= {"impute": "median", "clip": DEFAULT_CLIP, "scale": "z_score"}
    if kind is Bucketized and "edges" not in stated:
        natural["quantile_buckets"] = DEFAULT_BUCKETS
    if isinstance(found, TimeStatistics):
        natural["parts"] = _varying_parts(found) or ("hour",)
    elif kind is Categorical:
        least = stated.get("minimum_count", DEFAULT_MINIMUM_COUNT)
        encoding, reserved = stated.get("encoding", "index"), 1 + stated.get("unknown_buckets", 1)
        most = MOST_ONE_HOT if encoding == "one_hot" else MOST_WORDS
        words = int((found.counts >= least).sum())
        natural |= {"capacity": reserved + max(1, min(most, words)), "minimum_count": least}
        if encoding not in ENCODINGS:
            natural["scale"] = "z_score"
        if encoding == "target_mean":
            natural["smoothing"] = DEFAULT_SMOOTHING
    return kind(**natural | stated)


def _varying_parts(found: TimeStatistics) -> tuple[str, ...]:
    counts = {"hour": found.hours, "day_of_week": found.days, "month": found.months}
    return tuple(part for part, count in counts.items() if (count > 0).sum() > 1)
