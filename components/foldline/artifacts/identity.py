"""Identity of rows: hashes that stay the same across versions of libraries, layouts of files and orders of rows.

Strings are hashed by BLAKE2b (RFC 7693), numbers and combinations by the finaliser of SplitMix64 (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), both fixed by their publications.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.errors import DataError

UInt64s = NDArray[np.uint64]

_MISSING = np.uint64(0x9AE16A3B2F90404F)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(values: UInt64s) -> UInt64s:
    """SplitMix64 of each value, shape kept."""
    with np.errstate(over="ignore"):
        mixed = values + _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def text_hash(text: str) -> np.uint64:
    """First eight bytes, little-endian, of BLAKE2b of the UTF-8 text."""
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def column_hash(column: pa.ChunkedArray) -> UInt64s:
    """A hash for each value; shape (n_rows,). Whole floats hash as integers do, missing values to a constant."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        words = encoded.dictionary.to_pylist()
        table = np.array([text_hash(word) for word in words] or [_MISSING], dtype=np.uint64)
        indices = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        hashed: UInt64s = table[indices]
    else:
        if pa.types.is_floating(kind):
            numbers = pc.fill_null(column, np.nan).to_numpy().astype(np.float64)
            whole = np.isfinite(numbers) & (np.abs(numbers) < 2.0**62) & (numbers == np.floor(numbers))
            bits = np.where(whole, np.where(whole, numbers, 0).astype(np.int64), (numbers + 0.0).view(np.int64))
        elif pa.types.is_timestamp(kind):
            bits = pc.fill_null(column.cast(pa.timestamp("us")).cast(pa.int64()), 0).to_numpy()
        else:
            bits = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
        hashed = mix(np.ascontiguousarray(bits, dtype=np.int64).view(np.uint64))
    missing = pc.is_null(column, nan_is_null=True).to_numpy()
    return np.where(missing, _MISSING, hashed)


def content_hash(table: pa.Table, columns: list[str]) -> UInt64s:
    """A hash of each row's values in the named columns; shape (n_rows,). The order of the columns is of no account."""
    total = np.zeros(table.num_rows, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name in columns:
            total += mix(column_hash(table[name]) ^ text_hash(name))
    return mix(total)


def occurrence(hashes: UInt64s) -> NDArray[np.int64]:
    """How many equal values stand before each one; shape kept."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.array([], dtype=np.int64)
    lengths = np.diff(np.r_[starts, len(ordered)])
    counted = np.arange(len(ordered)) - np.repeat(starts, lengths)
    result = np.empty(len(hashes), dtype=np.int64)
    result[order] = counted
    return result


def row_ids(table: pa.Table, key_columns: list[str]) -> NDArray[np.int64]:
    """A stable identity for each row; shape (n_rows,), not negative.

    With key columns it is the hash of the key, else the hash of the whole content and of the row's occurrence among
    equal rows, so that it survives reordering and added rows.

    Raises:
        DataError: two rows share a key.
    """
    names = key_columns or table.column_names
    hashes = content_hash(table, names)
    repeats = occurrence(hashes)
    if key_columns and repeats.any():
        first = int(np.flatnonzero(repeats)[0])
        key = {name: table[name][first].as_py() for name in key_columns}
        raise DataError(
            f"key_columns {key_columns}",
            expected="a different key in each row",
            got=f"{int((repeats > 0).sum())} rows whose key another row has, the first at row {first}: {key}",
            fix="Name more columns, or leave key_columns empty.",
        )
    with np.errstate(over="ignore"):
        identity = mix(hashes + mix(repeats.astype(np.uint64)))
    return (identity >> np.uint64(1)).view(np.int64)


def unit_interval(ids: NDArray[np.int64], salt: str) -> NDArray[np.float64]:
    """A number in [0, 1) for each row identity, the same in every version of the data; independent between salts."""
    return (mix(ids.view(np.uint64) ^ text_hash(salt)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def table_digest(table: pa.Table) -> str:
    """Digest of a table's content that depends neither on the order of rows nor on files and row groups."""
    content = hashlib.sha256()
    for field in sorted(table.schema, key=lambda field: field.name):
        content.update(f"{field.name}\0{field.type}\0".encode())
    content.update(np.sort(content_hash(table, table.column_names)).astype("<u8").tobytes())
    return f"sha256:{content.hexdigest()}"
