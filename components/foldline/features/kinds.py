"""The kinds of features that a specification knows, each with its keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from foldline.features import keys

VERSION = 1
PARTS = ("hour", "day_of_week", "month")
# Indices before the words: 0 is a missing value, 1 a word outside the vocabulary.
RESERVED = 2

Statement = Mapping[str, Any]


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

    impute: str = field(metadata=keys.choice("median", "mean"))
    missing_indicator: bool = field(metadata=keys.flag())
    clip: tuple[float, float] | None = field(metadata=keys.fractions())
    scale: str = field(metadata=keys.choice("z_score", "none"))


@dataclass(frozen=True)
class Boolean:
    """True is 1, false and missing are 0."""

    kind: ClassVar[str] = "boolean"
    dtypes: ClassVar[tuple[str, ...]] = ("bool",)

    missing_indicator: bool = field(metadata=keys.flag())


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

    capacity: int = field(metadata=keys.whole(RESERVED + 1))
    minimum_count: int = field(metadata=keys.whole(1))


@dataclass(frozen=True)
class Datetime:
    """A time in UTC: sine and cosine of each part's place in its cycle; zeros where it is missing."""

    kind: ClassVar[str] = "datetime"
    dtypes: ClassVar[tuple[str, ...]] = ("timestamp",)

    parts: tuple[str, ...] = field(metadata=keys.choices(*PARTS))
    missing_indicator: bool = field(metadata=keys.flag())


@dataclass(frozen=True)
class Ignore:
    """No feature, and the reason."""

    kind: ClassVar[str] = "ignore"
    dtypes: ClassVar[tuple[str, ...]] = ("int64", "float64", "string", "bool", "timestamp")

    reason: str = field(metadata=keys.text())


Feature = Numeric | Boolean | Categorical | Datetime | Ignore
KINDS: dict[str, type[Feature]] = {kind.kind: kind for kind in (Numeric, Boolean, Categorical, Datetime, Ignore)}


def keys_of(kind: type[Feature]) -> dict[str, keys.Key]:
    """The keys of a kind beside `kind`, in their order."""
    return {one.name: one.metadata["key"] for one in fields(kind)}
