"""Names in the store: they become folders and keys, so they are plain words."""

import re

from foldline.errors import ArgumentError

VERSION_DIGITS = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VERSION = re.compile(rf"[0-9a-f]{{{VERSION_DIGITS}}}")


def check_name(argument: str, name: str) -> str:
    """`name` when it is one.

    Raises:
        ArgumentError: it is none; `argument` names it in the message.
    """
    if not _NAME.fullmatch(name):
        raise ArgumentError(
            argument,
            expected="1 to 63 letters, digits, dots, dashes or underscores, a letter or digit first",
            got=repr(name[:80]),
        )
    return name


def check_version(version: str) -> str:
    """`version` when it is one, else ArgumentError."""
    if not _VERSION.fullmatch(version):
        raise ArgumentError("version", expected=f"{VERSION_DIGITS} hexadecimal digits", got=repr(version[:80]))
    return version


def version_of(digest: str) -> str:
    """The version of the model with this digest (`sha256:…`): its first twelve hexadecimal digits."""
    return check_version(digest.removeprefix("sha256:")[:VERSION_DIGITS])
