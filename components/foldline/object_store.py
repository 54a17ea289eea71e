"""Object stores that speak S3: their addresses, and a client made from the environment only.

`FOLDLINE_S3_ENDPOINT` (`http://host:port` or `https://host[:port]`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_SESSION_TOKEN` and `AWS_REGION` are read from the environment, so that no secret is ever a pipeline parameter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

from foldline.errors import ArgumentError

if TYPE_CHECKING:
    import urllib3
    from minio import Minio

SCHEMES = ("s3", "minio")
AMAZON = "https://s3.amazonaws.com"
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
RETRIES = 5
BACKOFF_S, LONGEST_PAUSE_S = 0.4, 30
_PASSING = (429, 500, 502, 503, 504)

Read = TypeVar("Read")


class ObjectAddress(NamedTuple):
    """Bucket and key of `s3://bucket/key` or `minio://bucket/key`; the key may be empty or a prefix."""

    bucket: str
    key: str


def is_object_address(uri: str) -> bool:
    """Whether `uri` begins with `s3://` or `minio://`."""
    return uri.partition("://")[0] in SCHEMES and "://" in uri


def parse_address(uri: str, *, argument: str) -> ObjectAddress:
    """Bucket and key of `uri`.

    Args:
        argument: name of the parameter that `uri` came in, for the message.

    Raises:
        ArgumentError: it is no address of an object store.
    """
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in SCHEMES or not separator or not bucket or "@" in bucket:
        raise ArgumentError(argument, expected="s3://bucket/key or minio://bucket/key", got=repr(uri))
    return ObjectAddress(bucket, key.strip("/"))


def client_from_environment(uri: str, environment: Mapping[str, str]) -> Minio:
    """A client for the store of `uri`.

    Without keys the client is anonymous, which public buckets allow. `s3://` without an endpoint means Amazon's.
    A request that fails to connect, comes too soon for the server (429) or meets its fault (5xx) is repeated up to
    five times over 12 seconds, or after as long as the server asks for (Retry-After), at most 30 seconds each.

    Raises:
        ArgumentError: `minio://` without an endpoint, an endpoint that is no address, or one key without the other.
    """
    import certifi
    import urllib3
    from minio import Minio

    endpoint = environment.get("FOLDLINE_S3_ENDPOINT", "")
    if not endpoint and uri.startswith("minio://"):
        raise ArgumentError(
            "environment variable FOLDLINE_S3_ENDPOINT",
            expected="the endpoint of the store, as http://minio-service:9000",
            got="nothing",
        )
    address = urlsplit(endpoint or AMAZON)
    if (
        address.scheme not in ("http", "https")
        or not address.netloc
        or address.path.strip("/")
        or "@" in address.netloc
    ):
        raise ArgumentError(
            "environment variable FOLDLINE_S3_ENDPOINT",
            expected="http://host:port or https://host[:port]",
            got=repr(endpoint.rpartition("@")[2]),
        )
    key, secret = environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
    if bool(key) != bool(secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise ArgumentError(
            f"environment variable {missing}", expected="both keys of the object store, or neither", got="nothing"
        )
    return Minio(
        endpoint=address.netloc,
        access_key=key or None,
        secret_key=secret or None,
        session_token=environment.get("AWS_SESSION_TOKEN") or None,
        secure=address.scheme == "https",
        region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None,
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
            retries=repeated(),
            cert_reqs="CERT_REQUIRED",
            ca_certs=environment.get("SSL_CERT_FILE") or certifi.where(),
        ),
    )


def repeated() -> urllib3.Retry:
    """Which requests are repeated, and when; the answer to the last one is kept, with the store's words."""
    import urllib3

    return urllib3.Retry(
        total=RETRIES,
        backoff_factor=BACKOFF_S,
        status_forcelist=_PASSING,
        # The parts of a large object begin and end with a POST.
        allowed_methods=None,
        raise_on_status=False,
        retry_after_max=LONGEST_PAUSE_S,
    )


def read_whole(read: Callable[[], Read]) -> Read:
    """What `read` gives, repeated while the connection breaks within an answer, which the client does not notice."""
    import urllib3

    for attempt in range(RETRIES):
        try:
            return read()
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError):
            time.sleep(BACKOFF_S * 2**attempt)
    return read()
