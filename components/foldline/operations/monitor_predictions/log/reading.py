"""The files of a request log, piece by piece."""

from collections.abc import Iterator

from foldline.serving.deploy_canary.feedback.files import Files

PIECE_BYTES = 4 * 2**20
# A longer line is no event: the server takes requests of up to 16 MiB.
LONGEST_LINE = 64 * 2**20
SUFFIX = ".jsonl"


def lines(files: Files) -> Iterator[bytes]:
    """Every line of every file whose name ends in `.jsonl`, without its end; the last one of a file may be torn.

    Holds one piece of one file and the line that it ends in.

    Raises:
        ServingError: a file cannot be read.
    """
    for name, size in files.sizes().items():
        if name.endswith(SUFFIX):
            yield from _of_file(files, name, size)


def _of_file(files: Files, name: str, size: int) -> Iterator[bytes]:
    rest, offset = b"", 0
    while offset < size:
        piece = files.read(name, offset, PIECE_BYTES)
        if not piece:
            break
        offset += len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line for line in whole if line)
        if len(rest) > LONGEST_LINE:
            rest = b""
    if rest:
        yield rest
