"""Disks that are full: the operating system's fault in words that name the disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from foldline.errors import FoldlineError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_for(path: str | os.PathLike[str]) -> Iterator[None]:
    """A block, or a decorated function, that writes to `path` and to the folder for temporary files.

    Raises:
        FoldlineError: the disk, or the quota on it, was full inside the block.
    """
    try:
        yield
    except Exception as fault:
        if isinstance(fault, FoldlineError) or not _is_full(fault):
            raise
        raise FoldlineError(
            f"disk of {getattr(fault, 'filename', None) or path}",
            expected="room for what the step writes",
            got=os.strerror(errno.ENOSPC),
            fix="Free some space, or set TMPDIR and the output folder to a larger disk.",
        ) from fault


def _is_full(fault: Exception) -> bool:
    # TensorFlow has errors of its own, which carry the system's words but not its number.
    return getattr(fault, "errno", None) in _FULL or any(os.strerror(number) in str(fault) for number in _FULL)
