"""The kinds of features that are made of several columns."""

from dataclasses import dataclass, field
from typing import ClassVar

from foldline.features import keys
from foldline.features.kinds import Hashed, Numeric


@dataclass(frozen=True)
class Difference(Numeric):
    """The first of two numbers minus the second, then as a numeric column; missing where one of them is."""

    kind: ClassVar[str] = "difference"

    of: tuple[str, ...] = field(default=(), metadata=keys.names(2, 2))


@dataclass(frozen=True)
class Ratio(Numeric):
    """The first of two numbers divided by the second, then as a numeric column; missing where one of them is, and where
    the second is 0."""

    kind: ClassVar[str] = "ratio"

    of: tuple[str, ...] = field(default=(), metadata=keys.names(2, 2))


@dataclass(frozen=True)
class Sum(Numeric):
    """The sum of numbers, then as a numeric column; missing where one of them is."""

    kind: ClassVar[str] = "sum"

    of: tuple[str, ...] = field(default=(), metadata=keys.names(2))


@dataclass(frozen=True)
class Cross(Hashed):
    """The combination of words, by its hash; missing where one of them is."""

    kind: ClassVar[str] = "cross"

    of: tuple[str, ...] = field(default=(), metadata=keys.names(2))


Derived = Difference | Ratio | Sum | Cross
DERIVED: dict[str, type[Derived]] = {kind.kind: kind for kind in (Difference, Ratio, Sum, Cross)}
