"""The kinds of features that a specification knows, each with its keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from foldline.features import keys

VERSION = 1
# Parts of a time: the first number of its cycle, and how many there are. Those before `minute` are inferred.
PARTS = {
    "hour": (0, 24), "day_of_week": (0, 7), "month": (1, 12), "minute": (0, 60), "day_of_month": (1, 31),
    "day_of_year": (1, 366),
}  # fmt: skip
# Indices before the words where unknown ones share one: 0 is a missing value, 1 a word outside the vocabulary.
RESERVED = 2
ENCODINGS = ("index", "one_hot")

Statement = Mapping[str, Any]


class Kind:
    """What all kinds have: their name, and the dtypes of the columns that they take."""

    kind: ClassVar[str]
    dtypes: ClassVar[tuple[str, ...]]

    @classmethod
    def conflict(cls, stated: Statement) -> tuple[str, str] | None:
        """The first key whose value does not fit the others, and what was expected of it; None where all fit."""
        return None


@dataclass(frozen=True)
class Numeric(Kind):
    """A number: missing values filled, clipped to quantiles of the training rows, scaled.

    Attributes:
        impute: what stands for a missing value: `median` or `mean` of the training rows (taken before clipping),
            `constant` (`fill_value`), or `none`: it stays NaN.
        missing_indicator: whether a column of its own says which values were missing (1) and which not (0).
        clip: fractions of the two quantiles, or None for no clipping.
        scale: `z_score` (mean 0, standard deviation 1 over the training rows with a value), `min_max` (smallest 0,
            largest 1), `robust` (median 0, distance of the quartiles 1) or `none`.
        fill_value: with `constant`.
        log1p: whether the logarithm of 1 + the value is taken, after clipping and before scaling.
    """

    kind: ClassVar[str] = "numeric"
    dtypes: ClassVar[tuple[str, ...]] = ("int64", "float64")

    impute: str = field(metadata=keys.choice("median", "mean", "constant", "none"))
    missing_indicator: bool = field(metadata=keys.flag())
    clip: tuple[float, float] | None = field(metadata=keys.fractions())
    scale: str = field(metadata=keys.choice("z_score", "min_max", "robust", "none"))
    fill_value: float | None = field(default=None, metadata=keys.number())
    log1p: bool = field(default=False, metadata=keys.flag())

    @classmethod
    def conflict(cls, stated: Statement) -> tuple[str, str] | None:
        if (stated.get("impute") == "constant") != ("fill_value" in stated):
            return "fill_value", "a number where impute is constant, and only there"
        return None


@dataclass(frozen=True)
class Bucketized(Kind):
    """The bucket that a number is in: 0 for a missing value, then 1 and up from the lowest. A value on an edge belongs
    to the bucket above.

    Attributes:
        quantile_buckets: number of buckets that the quantiles of the training rows bound; frequent values leave some
            of them empty.
        edges: the inner bounds instead.
        encoding: `index`, or `one_hot`: a column of 0 and 1 for each index.
    """

    kind: ClassVar[str] = "bucketized"
    dtypes: ClassVar[tuple[str, ...]] = ("int64", "float64")

    quantile_buckets: int | None = field(default=None, metadata=keys.whole(2, 1_000))
    edges: tuple[float, ...] | None = field(default=None, metadata=keys.increasing())
    encoding: str = field(default="index", metadata=keys.choice(*ENCODINGS))

    @property
    def capacity(self) -> int:
        """Number of indices."""
        return 1 + (self.quantile_buckets or len(self.edges or ()) + 1)

    @classmethod
    def conflict(cls, stated: Statement) -> tuple[str, str] | None:
        if "edges" in stated and "quantile_buckets" in stated:
            return "edges", "either edges or quantile_buckets"
        return None


@dataclass(frozen=True)
class Boolean(Kind):
    """True is 1, false and missing are 0."""

    kind: ClassVar[str] = "boolean"
    dtypes: ClassVar[tuple[str, ...]] = ("bool",)

    missing_indicator: bool = field(metadata=keys.flag())


@dataclass(frozen=True)
class Categorical(Kind):
    """A word, by its index in the training rows' vocabulary: 0 for a missing value, 1 for a word outside it, then the
    words, most frequent first and equally frequent ones in the order of their bytes. Whole numbers count as their
    decimal text.

    Attributes:
        capacity: number of indices, those for missing and unknown words included; the same in every fold.
        minimum_count: a word of the vocabulary occurs at least this often in the training rows.
        encoding: `index`; `one_hot`: a column of 0 and 1 for each index; `frequency`: the share of training rows that
            have the index; `target_mean`: the mean of the label over them, for each class where there are several.
        unknown_buckets: number of indices, from 1, over which unknown words are spread by their hash.
        smoothing: with `target_mean`: how many rows with the overall mean are added to those of each index.
        scale: of `frequency` and `target_mean`: `z_score` or `none`.
    """

    kind: ClassVar[str] = "categorical"
    dtypes: ClassVar[tuple[str, ...]] = ("string", "int64")

    capacity: int = field(metadata=keys.whole(RESERVED + 1))
    minimum_count: int = field(metadata=keys.whole(1))
    encoding: str = field(default="index", metadata=keys.choice(*ENCODINGS, "frequency", "target_mean"))
    unknown_buckets: int = field(default=1, metadata=keys.whole(1))
    smoothing: float | None = field(default=None, metadata=keys.number(least=0))
    scale: str | None = field(default=None, metadata=keys.choice("z_score", "none"))

    @property
    def reserved(self) -> int:
        """Number of indices before the words."""
        return 1 + self.unknown_buckets

    @classmethod
    def conflict(cls, stated: Statement) -> tuple[str, str] | None:
        encoding, buckets = stated.get("encoding", "index"), stated.get("unknown_buckets", 1)
        if encoding not in ENCODINGS and buckets > 1:
            return "unknown_buckets", f"1 where encoding is {encoding}"
        if stated.get("capacity", buckets + 2) < buckets + 2:
            return "capacity", f"at least {buckets + 2} with {buckets} unknown_buckets"
        if encoding != "target_mean" and "smoothing" in stated:
            return "smoothing", "no such key unless encoding is target_mean"
        if encoding in ENCODINGS and "scale" in stated:
            return "scale", "no such key unless encoding is frequency or target_mean"
        return None


@dataclass(frozen=True)
class Hashed(Kind):
    """A word, by its hash (FarmHash, the same in every fold and version): 0 for a missing value, then 1 and up. Words
    may share an index.

    Attributes:
        buckets: number of indices beside the missing value's.
        encoding: `index`, or `one_hot`: a column of 0 and 1 for each index.
    """

    kind: ClassVar[str] = "hashed"
    dtypes: ClassVar[tuple[str, ...]] = ("string", "int64")

    buckets: int = field(metadata=keys.whole(1))
    encoding: str = field(default="index", metadata=keys.choice(*ENCODINGS))

    @property
    def capacity(self) -> int:
        """Number of indices."""
        return 1 + self.buckets


@dataclass(frozen=True)
class Datetime(Kind):
    """Parts of a time in UTC; zeros where it is missing.

    Attributes:
        encoding: `cyclic`: sine and cosine of each part's place in its cycle; `ordinal`: the place as a fraction, 0 for
            the first and 1 for the last; `one_hot`: a column of 0 and 1 for each place.
    """

    kind: ClassVar[str] = "datetime"
    dtypes: ClassVar[tuple[str, ...]] = ("timestamp",)

    parts: tuple[str, ...] = field(metadata=keys.choices(*PARTS))
    missing_indicator: bool = field(metadata=keys.flag())
    encoding: str = field(default="cyclic", metadata=keys.choice("cyclic", "ordinal", "one_hot"))

    def columns(self, part: str) -> list[str]:
        """What is added to the names of a part's columns."""
        one_hot = [f"_{PARTS[part][0] + place}" for place in range(PARTS[part][1])]
        return {"cyclic": ["_sin", "_cos"], "ordinal": [""], "one_hot": one_hot}[self.encoding]


@dataclass(frozen=True)
class Ignore(Kind):
    """No feature, and the reason."""

    kind: ClassVar[str] = "ignore"
    dtypes: ClassVar[tuple[str, ...]] = ("int64", "float64", "string", "bool", "timestamp")

    reason: str = field(metadata=keys.text())


Feature = Numeric | Boolean | Categorical | Datetime | Bucketized | Hashed | Ignore
KINDS: dict[str, type[Feature]] = {
    kind.kind: kind for kind in (Numeric, Boolean, Categorical, Datetime, Bucketized, Hashed, Ignore)
}


def keys_of(kind: type[Feature]) -> dict[str, keys.Key]:
    """The keys of a kind beside `kind`, in their order."""
    return {one.name: one.metadata["key"] for one in fields(kind)}
