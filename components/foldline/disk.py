"""Disks that are full: the operating system's fault in words that name the disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from foldline.errors import FoldlineError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_for(path: str | os.PathLike[str]) -> Iterator[None]:
    """A block that writes to `path` and to the folder for temporary files.

    Raises:
        FoldlineError: the disk, or the quota on it, was full inside the block.
    """
    try:
        yield
    except OSError as fault:
        if fault.errno not in _FULL:
            raise
        raise FoldlineError(
            f"disk of {fault.filename or path}",
            expected="room for what the step writes",
            got=os.strerror(fault.errno or errno.ENOSPC),
            fix="Free some space, or set TMPDIR and the output folder to a larger disk.",
        ) from fault
