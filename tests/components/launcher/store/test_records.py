"""Records that several tasks share: nothing that one wrote is lost to another."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.s3 import S3
from foldline import object_store
from foldline.errors import ArgumentError, StoreError
from foldline.store import records
from foldline.store.records import Content, open_records

Change = Callable[[Content | None], Content | None]


def added(owner: str) -> Change:
    """Puts `owner` at the end of the record's list."""

    def change(found: Content | None) -> Content:
        return {"owners": [*(found or {"owners": []})["owners"], owner]}

    return change


def test_a_record_is_what_was_last_made_of_it(store_uri: str) -> None:
    here = open_records(store_uri, argument="state_uri")
    assert here.read("deep/er/one") is None
    here.change("deep/er/one", added("a"))
    here.change("deep/er/one", lambda _: None)
    open_records(store_uri, argument="state_uri").change("deep/er/one", added("b"))
    assert here.read("deep/er/one") == {"owners": ["a", "b"]}
    assert here.read("deep/er/two") is None


def test_of_many_writers_at_once_none_is_lost(store_uri: str) -> None:
    ready, failed = threading.Barrier(6), []

    def write(owner: str) -> None:
        here = open_records(store_uri, argument="state_uri")
        ready.wait()
        try:
            here.change("one", added(owner))
        except StoreError as fault:
            failed.append(fault)

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = open_records(store_uri, argument="state_uri").read("one")
    assert found is not None
    assert sorted(found["owners"]) == list("012345")


def test_a_writer_in_a_bucket_that_is_overtaken_each_time_is_told(server: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.make_bucket("overtaken")
    monkeypatch.setattr(records, "PAUSE_S", 0.0)
    monkeypatch.setattr(records, "ATTEMPTS", 3)
    other = open_records("s3://overtaken", argument="state_uri")

    def overtaken(_: Content | None) -> Content:
        other.change("one", added("other"))
        return {"owners": ["slow"]}

    with pytest.raises(StoreError, match="to be changed within 3 attempts, got another writer each time"):
        open_records("s3://overtaken", argument="state_uri").change("one", overtaken)
    assert other.read("one") == {"owners": ["other"] * 3}


@pytest.mark.parametrize("content", [b"{torn", b"[]", b"\xff"])
def test_a_torn_record_is_one_clear_error(
    store_uri: str, overwrite: Callable[[str, bytes], None], content: bytes
) -> None:
    here = open_records(store_uri, argument="state_uri")
    here.change("one", added("a"))
    overwrite("one.json", content)
    for use in (lambda: here.read("one"), lambda: here.change("one", added("b"))):
        with pytest.raises(StoreError, match=r"one.json: expected a JSON object, got .* remove it"):
            use()


@pytest.mark.parametrize("uri", ["", "ftp://records", "file:relative", "s3://"])
def test_an_address_of_another_kind_is_refused_by_its_parameter(uri: str) -> None:
    with pytest.raises(ArgumentError, match="state_uri: expected"):
        open_records(uri, argument="state_uri")


def test_a_place_that_cannot_be_reached_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="expected a folder that can be read and written"):
        open_records(str(tmp_path / "file"), argument="state_uri").change("one", added("a"))
    monkeypatch.setattr(object_store, "BACKOFF_S", 0.001)
    monkeypatch.setenv("FOLDLINE_S3_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="records in s3://bucket: expected a bucket that can be reached"):
        open_records("s3://bucket", argument="state_uri").read("one")
