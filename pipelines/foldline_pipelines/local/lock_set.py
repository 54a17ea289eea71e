"""The set of locks that fits this host; runs as a script under any Python, before anything is installed."""

from __future__ import annotations

import platform
import sys

NEWER_GLIBC = (2, 39)
OLDEST_GLIBC = (2, 31)


def glibc_version() -> tuple[int, int]:
    """(major, minor) of this host's C library; (0, 0) where it is not glibc."""
    library, text = platform.libc_ver()
    if library != "glibc":
        return (0, 0)
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def refusal(glibc: tuple[int, int], python: tuple[int, int]) -> str:
    """Why no set fits; empty where one does.

    TFDV needs glibc 2.39, or Python 3.11 in its last older version; Envoy needs glibc 2.31.
    """
    if not (3, 11) <= python <= (3, 13):
        return "Python 3.11 to 3.13"
    if glibc < OLDEST_GLIBC:
        return "glibc 2.31 and newer (Debian 11, Ubuntu 20.04)"
    if glibc < NEWER_GLIBC and python != (3, 11):
        return "Python 3.11, or a host with glibc 2.39 and newer (Debian 13, Ubuntu 24.04)"
    return ""


def lock_set(glibc: tuple[int, int]) -> str:
    """Name of the set of locks for a C library."""
    return "glibc-2.39" if glibc >= NEWER_GLIBC else "older"


if __name__ == "__main__":
    host, running = glibc_version(), sys.version_info[:2]
    wanted = refusal(host, running)
    if wanted:
        got = f"Python {running[0]}.{running[1]} on glibc {host[0]}.{host[1]}"
        sys.exit(f"Python: expected {wanted}, got {got}. Call make with PYTHON=<the path of another Python>.")
    print(lock_set(host))
