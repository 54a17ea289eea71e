"""Addresses of object stores, and clients from the environment."""

import pytest

from foldline.errors import ArgumentError
from foldline.object_store import client_from_environment, is_object_address, parse_address

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush-hush"}


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://bucket/folder/file.csv", "bucket", "folder/file.csv"),
        ("minio://bucket/folder/", "bucket", "folder"),
        ("s3://bucket", "bucket", ""),
    ],
)
def test_an_address_has_a_bucket_and_a_key(uri: str, bucket: str, key: str) -> None:
    assert is_object_address(uri)
    assert parse_address(uri, argument="source_uri") == (bucket, key)


@pytest.mark.parametrize("uri", ["bucket/key", "gs://bucket/key", "s3:/bucket", "s3:///key", "s3://a:b@host/key", "s3"])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(ArgumentError, match=r"store_uri: expected s3://bucket/key or minio://bucket/key"):
        parse_address(uri, argument="store_uri")


@pytest.mark.parametrize(
    ("uri", "environment", "message"),
    [
        ("minio://b/k", KEYS, r"FOLDLINE_S3_ENDPOINT: expected the endpoint of the store, .*got nothing"),
        ("s3://b/k", {"FOLDLINE_S3_ENDPOINT": "minio:9000"}, r"FOLDLINE_S3_ENDPOINT: expected http://host:port"),
        ("s3://b/k", {"FOLDLINE_S3_ENDPOINT": "http://minio/path"}, r"FOLDLINE_S3_ENDPOINT: expected http://host:port"),
        ("s3://b/k", {"AWS_ACCESS_KEY_ID": "key"}, r"AWS_SECRET_ACCESS_KEY: expected both keys"),
        ("s3://b/k", {"AWS_SECRET_ACCESS_KEY": "hush-hush"}, r"AWS_ACCESS_KEY_ID: expected both keys"),
        (
            "s3://b/k",
            {"FOLDLINE_S3_ENDPOINT": "http://user:hush-hush@minio"},
            r"expected http://host:port.*got 'minio'",
        ),
    ],
)
def test_an_environment_that_does_not_suffice_is_refused_without_telling_secrets(
    uri: str, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message) as fault:
        client_from_environment(uri, environment)
    assert "hush-hush" not in str(fault.value)


@pytest.mark.parametrize(
    ("endpoint", "host", "secure"),
    [
        ("", "bucket.s3.us-east-1.amazonaws.com/", True),
        ("http://minio:9000", "minio:9000/", False),
        ("https://minio/", "minio/", True),
    ],
)
def test_the_endpoint_says_host_and_encryption(endpoint: str, host: str, secure: bool) -> None:
    client = client_from_environment("s3://b/k", {**KEYS, "FOLDLINE_S3_ENDPOINT": endpoint, "AWS_REGION": "us-east-1"})
    address = client.get_presigned_url("GET", "bucket", "key")
    assert address.startswith("https://" if secure else "http://")
    assert host in address
