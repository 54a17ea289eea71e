"""The set of locks that fits this host; runs as a script under any Python, before anything is installed."""

import platform
import sys

NEWER_GLIBC = (2, 39)


def glibc_version():  # type: () -> tuple[int, int]
    """(major, minor) of this host's C library; (0, 0) where it is not glibc."""
    library, text = platform.libc_ver()
    if library != "glibc":
        return (0, 0)
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def refusal(glibc, python):  # type: (tuple[int, int], tuple[int, int]) -> str
    """Why no set fits; empty where one does. TFDV needs glibc 2.39, or Python 3.11 in its last older version."""
    if not (3, 11) <= python <= (3, 13):
        return "Python 3.11 to 3.13"
    if glibc < NEWER_GLIBC and python != (3, 11):
        return "Python 3.11, or a host with glibc 2.39 and newer (Debian 13, Ubuntu 24.04)"
    return ""


def lock_set(glibc):  # type: (tuple[int, int]) -> str
    """Name of the set of locks for a C library."""
    return "glibc-2.39" if glibc >= NEWER_GLIBC else "older"


if __name__ == "__main__":
    wanted = refusal(glibc_version(), sys.version_info[:2])
    if wanted:
        sys.exit(
            "Python: expected %s, got Python %d.%d on glibc %d.%d. Call make with PYTHON=<the path of another Python>."
            % ((wanted,) + sys.version_info[:2] + glibc_version())
        )
    print(lock_set(glibc_version()))
