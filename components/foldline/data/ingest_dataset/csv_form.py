"""The form of a CSV file: its encoding, separator, header and the number of fields in each line."""

import codecs
import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from foldline.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
CHUNK_BYTES = 8 << 20
_QUOTE, _NEWLINE, _RETURN = (np.uint8(ord(character)) for character in '"\n\r')


class CsvForm:
    """What a reader must know of a CSV file.

    Attributes:
        separator: the one of `SEPARATORS` that is most frequent in the header.
        header: names of the columns, as written.
        blank_lines: whether there are lines without any text.
    """

    def __init__(self, separator: str, header: tuple[str, ...], blank_lines: bool) -> None:
        self.separator, self.header, self.blank_lines = separator, header, blank_lines


def examine(path: Path, shown: str) -> CsvForm:
    """The form of the CSV file `path`.

    Args:
        shown: how messages name the file.

    Raises:
        DataError: it is empty or not UTF-8, its lines end in carriage returns alone, two columns share a name, a
            column has none (but for a first one, which pandas writes for its index), or a line has more or fewer fields
            than the header.
    """
    _check_encoding(path, shown)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline()
        if not first.strip():
            raise DataError(f"file {shown}", expected="a header in the first line", got="no text")
        if first.endswith("\r"):
            raise DataError(
                f"file {shown}",
                expected="lines that end in a line feed, or in a carriage return and one",
                got="a carriage return alone at the end of the first line",
                fix="Save the file with the line ends of Unix or Windows.",
            )
        counts = Counter(first)
        separator = max(SEPARATORS, key=lambda character: counts[character])
        stream.seek(0)
        header = tuple(next(_records(stream, separator))[1])
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        places = [index + 1 for index, name in enumerate(header) if name == repeated[0]]
        raise DataError(
            f"header of {shown}",
            expected="a different name for each column",
            got=f"{repeated[0]!r} in columns {places}",
        )
    if "" in header[1:]:
        raise DataError(
            f"header of {shown}", expected="a name for each column", got=f"column {header.index('', 1) + 1} without one"
        )
    with path.open("rb") as binary:
        suspicious, blank_lines = _scan(binary, separator, len(header))
    if suspicious:
        _check_widths(path, shown, separator, len(header))
    return CsvForm(separator, header, blank_lines)


def quoting_fault(path: Path, shown: str, separator: str, found: str) -> DataError:
    """The error for a file that a parser refused, saying `found`: it names the line whose quotes are at fault."""
    line = 0
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=separator, strict=True)
        try:
            for _ in reader:
                line = reader.line_num
        except csv.Error as fault:
            place = f"record from line {line + 1} of {shown}"
            return DataError(place, expected="quotes that are closed, and doubled inside quotes", got=str(fault))
    return DataError(f"file {shown}", expected="CSV", got=found)


def _check_encoding(path: Path, shown: str) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    start = 0
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as fault:
                offset = start - pending + fault.start
                raise DataError(
                    f"file {shown}",
                    expected="text in UTF-8",
                    got=f"the byte 0x{fault.object[fault.start]:02x} at offset {offset}",
                    fix="Save the file in UTF-8.",
                ) from None
            if not chunk:
                return
            start += len(chunk)


def _scan(stream: BinaryIO, separator: str, width: int) -> tuple[bool, bool]:
    """Whether a line may have another number of fields, and whether there are blank lines.

    Separators and line ends inside quotes do not count; a quote in the middle of a field can mislead, so that a
    suspicion has to be confirmed by parsing.
    """
    quoted, fields, length, blank = 0, 0, 0, False
    while chunk := stream.read(CHUNK_BYTES):
        data = np.frombuffer(chunk, dtype=np.uint8)
        separators, ends = data == np.uint8(ord(separator)), data == _NEWLINE
        quotes = data == _QUOTE
        if quoted or quotes.any():
            inside = (np.cumsum(quotes) + quoted) & 1 == 1
            quoted = (quoted + int(quotes.sum())) & 1
            separators, ends = separators & ~inside, ends & ~inside
        places = np.flatnonzero(ends)
        before = np.searchsorted(np.flatnonzero(separators), places)
        per_line = np.diff(np.r_[-fields, before])
        bounds = np.r_[-1 - length, places]
        lengths = np.diff(bounds) - 1
        returns = (places > 0) & (data[np.maximum(places - 1, 0)] == _RETURN)
        empty = (lengths == 0) | ((lengths == 1) & returns)
        blank |= bool(empty.any())
        if (per_line[~empty] != width - 1).any():
            return True, blank | bool(empty.any())
        total = int(separators.sum())
        fields = total - int(before[-1]) if len(places) else fields + total
        length = len(data) - 1 - int(places[-1]) if len(places) else length + len(data)
    return bool(quoted) or (length > 0 and fields != width - 1), blank


def _check_widths(path: Path, shown: str, separator: str, width: int) -> None:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for line, record in _records(stream, separator):
            if record and len(record) != width:
                raise DataError(
                    f"line {line} of {shown}", expected=f"{width} fields, as in the header", got=str(len(record))
                )


def _records(stream: io.TextIOBase, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of the line that it ends in."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(stream, delimiter=separator)
    for record in reader:
        yield reader.line_num, record
