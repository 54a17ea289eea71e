"""Names under which columns travel in a SavedModel's signatures, which take fewer names than tables do."""

import keyword
import re
from collections.abc import Sequence

# Names that TensorFlow takes for itself when a signature is called.
_TAKEN = {"self", "args", "kwargs"}


def tensor_names(columns: Sequence[str]) -> dict[str, str]:
    """The tensor name of each column: the column's own name where a signature can carry it.

    Other characters than ASCII letters, digits and `_` become `_`; a name that does not begin with a letter, is a
    Python keyword or is taken gets `column_` before it; names that then fall together, to which TensorFlow counts those
    that differ in case only, are numbered.
    """
    first = {name.lower(): name for name in reversed(columns) if _carries(name)}
    plain = set(first.values())
    names: dict[str, str] = {}
    used = set(first)
    for column in columns:
        name = column
        if column not in plain:
            name = re.sub(r"[^A-Za-z0-9_]", "_", column)
            name = name if _carries(name) else f"column_{name}"
            stem, number = name, 2
            while name.lower() in used:
                name, number = f"{stem}_{number}", number + 1
            used.add(name.lower())
        names[column] = name
    return names


def _carries(name: str) -> bool:
    fits = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None
    return fits and not keyword.iskeyword(name) and name not in _TAKEN
