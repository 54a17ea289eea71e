"""Reading the document of a feature specification."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from foldline.artifacts.dataset import Column
from foldline.errors import ArgumentError
from foldline.features.derived_kinds import DERIVED
from foldline.features.kinds import KINDS, VERSION, Feature, Ignore, Statement, keys_of


def read_document(document: Any, columns: Sequence[Column], label: str) -> dict[str, Statement]:
    """What a person's document states for each column, and for each derived one, which has the key `of`; checked, and
    empty for an empty document.

    Args:
        document: as in `foldline.features.specification`; whole numbers may come as floats, as local runs make them.
        columns: the dataset's columns.
        label: name of the label column, which is never a feature.

    Raises:
        ArgumentError: naming the column and key that are at fault.
    """
    if not isinstance(document, Mapping):
        raise ArgumentError("specification", expected="a mapping with the keys version and columns", got=repr(document))
    if not document:
        return {}
    unknown = sorted(set(map(str, document)) - {"version", "columns", "derived"})
    if unknown:
        raise ArgumentError(
            "specification", expected="the keys version and columns, and derived", got=f"the key {unknown[0]!r}"
        )
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
    derived = document.get("derived", {})
    if not isinstance(derived, Mapping):
        raise ArgumentError("specification, key 'derived'", expected="a mapping of new names", got=repr(derived))
    usable = {name: dtype for name, dtype in dtypes.items() if name != label}
    return checked | {name: _read_derived(name, statement, dtypes, usable) for name, statement in derived.items()}


def _read_derived(name: str, statement: Any, taken: Collection[str], usable: Mapping[str, str]) -> Statement:
    what = f"specification, derived column {name!r}"
    if name in taken:
        raise ArgumentError(what, expected="a name that no column has", got="one of the dataset's columns")
    if not isinstance(statement, Mapping) or not {"kind", "of"} <= set(statement):
        raise ArgumentError(what, expected="a mapping with the keys kind and of", got=repr(statement))
    kind = DERIVED.get(statement["kind"]) if isinstance(statement["kind"], str) else None
    if kind is None:
        raise ArgumentError(f"{what}, key 'kind'", expected=f"one of {', '.join(DERIVED)}", got=repr(statement["kind"]))
    read = read_statement(what, kind, statement)
    for column in read["of"]:
        if usable.get(column) not in kind.dtypes:
            expected = f"columns but the label, of dtype {' or '.join(kind.dtypes)}"
            got = f"{column!r}" + (f" of dtype {usable[column]}" if column in usable else "")
            raise ArgumentError(f"{what}, key 'of'", expected=expected, got=got)
    return read


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
