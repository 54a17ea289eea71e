"""From an address to a store."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from foldline.errors import ArgumentError
from foldline.object_store import client_from_environment, is_object_address, parse_address
from foldline.store.store import Store


def open_store(uri: str) -> Store:
    """The store at a folder's path, `file:///folder`, `s3://bucket/prefix` or `minio://bucket/prefix`.

    A folder that does not exist is an empty store. Keys of a bucket come from the environment.

    Raises:
        ArgumentError: `uri` is none of these.
    """
    if is_object_address(uri):
        from foldline.store.bucket import BucketStore

        return BucketStore(uri, client_from_environment(uri, os.environ), parse_address(uri, argument="store_uri"))
    from foldline.store.folder import FolderStore

    return FolderStore(uri, folder_of(uri, argument="store_uri"))


def folder_of(uri: str, *, argument: str) -> Path:
    """The folder at a path or `file:///folder`.

    Args:
        argument: name of the parameter that `uri` came in, for the message.

    Raises:
        ArgumentError: `uri` is neither.
    """
    address = urlsplit(uri)
    if address.scheme == "file" and address.netloc in ("", "localhost") and address.path.startswith("/"):
        return Path(unquote(address.path))
    if not uri or "://" in uri or address.scheme == "file":
        raise ArgumentError(
            argument, expected="a folder, file:///folder, s3://bucket/prefix or minio://bucket/prefix", got=repr(uri)
        )
    return Path(uri)
