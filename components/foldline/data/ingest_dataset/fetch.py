"""Sources: what an address names, brought to files on this machine."""

from __future__ import annotations

import gzip
import shutil
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from foldline.errors import ArgumentError, DataError
from foldline.object_store import client_from_environment, is_object_address, parse_address, read_whole

ATTEMPTS = 6
PAUSE_S, LONGEST_PAUSE_S = 0.4, 30.0
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
CHUNK_BYTES = 1 << 20

_ZIP, _GZIP, _PARQUET = b"PK", b"\x1f\x8b", b"PAR1"
_ARGUMENT = "source_uri"
# Only an address that moved is followed here; a `Retry-After` is obeyed below, where its length is bounded.
_REDIRECTS = urllib3.Retry(total=5, connect=0, read=0, status=0, other=0, redirect=5, respect_retry_after_header=False)


@dataclass(frozen=True)
class Source:
    """Files of one table on this machine.

    Attributes:
        uri: the address without user, password and query, fit to be shown and stored.
        format: `csv` or `parquet`.
        files: one CSV file, or the Parquet files in the order of their names.
        folder: the folder that the Parquet files are in, where the address named one.
    """

    uri: str
    format: str
    files: tuple[Path, ...]
    folder: Path | None = None


def public_address(uri: str) -> str:
    """`uri` without what may be secret: user, password, query and fragment."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def fetch(uri: str, wanted: str, temporary: Path, environment: Mapping[str, str]) -> Source:
    """The files of the table at `uri`; what is remote or packed is brought into the folder `temporary`.

    Args:
        wanted: `csv`, `parquet`, or empty for what the name and the first bytes say.

    Raises:
        ArgumentError: nothing can be read at `uri`, or `wanted` is no format.
        DataError: the content is short, torn, or of another format.
    """
    if wanted not in ("", "csv", "parquet"):
        raise ArgumentError("format", expected="csv, parquet, or nothing", got=repr(wanted))
    shown = public_address(uri)
    path = _local(uri, temporary, environment)
    if path.is_dir():
        files = tuple(sorted(file for file in path.rglob("*.parquet") if file.is_file()))
        if wanted == "csv" or not files:
            raise ArgumentError(_ARGUMENT, expected="a file, or a folder of *.parquet files", got=shown)
        for file in files:
            _check_parquet(file, shown)
        return Source(shown, "parquet", files, path)
    unpacked = _unpack(path, temporary, shown)
    named = unpacked.name.lower()
    found = wanted or ("parquet" if named.endswith((".parquet", ".pq")) or _starts(unpacked) == _PARQUET else "csv")
    if found == "parquet":
        _check_parquet(unpacked, shown)
    elif _starts(unpacked) == _PARQUET:
        raise DataError(f"file {shown}", expected="CSV, as the parameter format says", got="Parquet")
    return Source(shown, found, (unpacked,))


def _local(uri: str, temporary: Path, environment: Mapping[str, str]) -> Path:
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme in ("http", "https"):
        return _download(uri, temporary)
    if is_object_address(uri):
        return _from_object_store(uri, temporary, environment)
    if scheme not in ("", "file"):
        raise ArgumentError(
            _ARGUMENT, expected="a path, or an address of file, http, https, s3 or minio", got=repr(public_address(uri))
        )
    path = Path(unquote(urlsplit(uri).path)) if scheme else Path(uri)
    if not uri or not path.exists():
        raise ArgumentError(_ARGUMENT, expected="a file or folder that exists", got=repr(uri))
    return path


def _download(uri: str, temporary: Path) -> Path:
    shown = public_address(uri)
    target = temporary / (Path(unquote(urlsplit(uri).path)).name or "download")
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S), retries=False)
    fault, asked = "", 0.0
    with pool:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(max(PAUSE_S * 2 ** (attempt - 1), min(asked, LONGEST_PAUSE_S)))
            try:
                answer = pool.request(
                    "GET",
                    uri,
                    preload_content=False,
                    decode_content=False,
                    enforce_content_length=True,
                    headers={"Accept-Encoding": "identity"},
                    retries=_REDIRECTS,
                )
            except (urllib3.exceptions.LocationValueError, urllib3.exceptions.URLSchemeUnknown):
                raise ArgumentError(_ARGUMENT, expected="an address of http or https", got=repr(shown)) from None
            except urllib3.exceptions.HTTPError as error:
                fault = type(error.__cause__ or error).__name__
                continue
            with answer:
                if answer.status != 200:
                    fault = f"HTTP status {answer.status}"
                    asked = _seconds(answer.headers.get("Retry-After", ""))
                    if answer.status < 500 and answer.status not in (408, 429):
                        break
                    continue
                try:
                    _save(answer, target)
                except urllib3.exceptions.HTTPError as error:
                    fault = f"a connection that broke ({type(error).__name__})"
                    continue
                return target
    raise ArgumentError(_ARGUMENT, expected=f"a whole file at {shown}", got=fault)


def _seconds(asked: str) -> float:
    return float(asked) if asked.isdigit() else 0.0


def _save(stream: urllib3.BaseHTTPResponse, target: Path) -> None:
    with target.open("wb") as file:
        for chunk in stream.stream(CHUNK_BYTES, decode_content=False):
            file.write(chunk)


def _from_object_store(uri: str, temporary: Path, environment: Mapping[str, str]) -> Path:
    address = parse_address(uri, argument=_ARGUMENT)
    client = client_from_environment(uri, environment)
    try:
        try:
            if address.key and not uri.endswith("/"):
                client.stat_object(address.bucket, address.key)
                target = temporary / Path(address.key).name
                _get(client, address.bucket, address.key, target)
                return target
        except S3Error as error:
            if error.code not in ("NoSuchKey", "NoSuchObject"):
                raise
        prefix = f"{address.key}/" if address.key else ""
        found = [item.object_name or "" for item in client.list_objects(address.bucket, prefix=prefix, recursive=True)]
        folder = temporary / "objects"
        folder.mkdir()
        wanted = [name for name in found if name.endswith(".parquet")]
        for name in wanted:
            target = (folder / name.removeprefix(prefix)).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise DataError(f"object {name!r} of {uri}", expected="a name inside the folder", got="a name with ..")
            target.parent.mkdir(parents=True, exist_ok=True)
            _get(client, address.bucket, name, target)
    except S3Error as error:
        raise ArgumentError(_ARGUMENT, expected=f"a readable object at {uri}", got=f"{error.code}") from None
    except MinioException as error:
        raise ArgumentError(_ARGUMENT, expected=f"a readable object at {uri}", got=str(error)[:200]) from None
    except urllib3.exceptions.HTTPError as error:
        got = f"no answer from the object store ({type(error.__cause__ or error).__name__})"
        raise ArgumentError(_ARGUMENT, expected=f"a readable object at {uri}", got=got) from None
    if not wanted:
        raise ArgumentError(_ARGUMENT, expected="an object, or a prefix of *.parquet objects", got=f"none at {uri}")
    return folder


def _get(client: Minio, bucket: str, name: str, target: Path) -> None:
    read_whole(lambda: client.fget_object(bucket, name, str(target)))


def _unpack(path: Path, temporary: Path, shown: str) -> Path:
    start = _starts(path)
    if start[:2] == _ZIP and path.suffix.lower() != ".csv":
        return _unzip(path, temporary, shown)
    if start[:2] == _GZIP:
        target = temporary / f"unpacked-{path.stem if path.suffix.lower() == '.gz' else path.name}"
        try:
            with gzip.open(path) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file, CHUNK_BYTES)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"file {shown}", expected="a whole gzip file", got=f"{error}") from None
        return target
    return path


def _unzip(path: Path, temporary: Path, shown: str) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if not item.is_dir() and not _is_clutter(item.filename)]
            if len(members) != 1:
                names = ", ".join(item.filename for item in members[:5]) or "none"
                raise DataError(f"file {shown}", expected="a zip with one CSV file", got=f"{len(members)}: {names}")
            target = temporary / f"unpacked-{Path(members[0].filename).name}"
            with archive.open(members[0]) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file, CHUNK_BYTES)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"file {shown}", expected="a whole zip file", got=f"{error}") from None
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(f"file {shown}", expected="a zip without a password", got=f"{error}") from None
    return target


def _is_clutter(name: str) -> bool:
    # macOS adds a folder of resource forks to each archive that it makes.
    return name.startswith("__MACOSX/") or name.endswith(".DS_Store")


def _starts(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4)


def _check_parquet(path: Path, shown: str) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(size - 4, 0))
        end = stream.read(4)
    if size < 12 or _starts(path) != _PARQUET or end != _PARQUET:
        raise DataError(
            f"file {path.name} of {shown}", expected="a whole Parquet file", got=f"{size} bytes that are none, or torn"
        )
