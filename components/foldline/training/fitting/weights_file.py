"""The file of initial weights, wherever it lies."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from foldline.errors import ArgumentError
from foldline.object_store import client_from_environment, is_object_address, parse_address

ENDING = ".weights.h5"
WHERE = "field 'initial_weights' of fitting"


def weights_digest(uri: str, environment: Mapping[str, str]) -> str:
    """Digest of the weights file; empty for no address. Raises what `local_weights` raises."""
    with local_weights(uri, environment) as path:
        if not path:
            return ""
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def local_weights(uri: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Path of the weights file while the block lasts; empty for no address.

    The file holds arrays only: no code in it is ever run.

    Raises:
        ArgumentError: there is no such file, or its name is not that of a Keras weights file.
    """
    if not uri:
        yield ""
    elif not uri.endswith(ENDING):
        raise ArgumentError(WHERE, expected=f"a file that ends in {ENDING}", got=repr(uri))
    elif is_object_address(uri):
        from minio.error import S3Error

        address = parse_address(uri, argument=WHERE)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"initial{ENDING}"
            try:
                client_from_environment(uri, environment).fget_object(address.bucket, address.key, str(path))
            except S3Error as fault:
                raise ArgumentError(WHERE, expected="an object that can be read", got=f"{uri}: {fault.code}") from fault
            yield str(path)
    elif not Path(uri).is_file():
        raise ArgumentError(WHERE, expected="a file", got=repr(uri))
    else:
        yield uri
