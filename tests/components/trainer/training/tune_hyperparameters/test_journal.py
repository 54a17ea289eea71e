"""The folder of a search: whose it is, what is cut off, what a bucket has of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.s3 import S3, server
from foldline.errors import ArgumentError
from foldline.training.tune_hyperparameters.journal import State, repair


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a":1}\n{"b":2}\n', b'{"a":1}\n{"b":2}\n'),
        (b'{"a":1}\n{"b":', b'{"a":1}\n'),
        (b'{"a"', b""),
        (b"", b""),
    ],
)
def test_a_last_line_that_was_not_written_to_its_end_is_cut_off(before: bytes, after: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(before)
    repair(tmp_path / "journal")
    assert (tmp_path / "journal").read_bytes() == after


def test_two_processes_cannot_search_in_one_folder(tmp_path: Path) -> None:
    state = State(str(tmp_path), "search", {})
    with pytest.raises(ArgumentError, match="a search that no other process is at work on"):
        State(str(tmp_path), "search", {})
    state.close()
    State(str(tmp_path), "search", {}).close()


def test_a_search_that_is_forgotten_leaves_nothing(tmp_path: Path) -> None:
    state = State(str(tmp_path), "search", {})
    state.journal.write_bytes(b"{}\n")
    lock = state.lock()
    lock.acquire()
    lock.release()
    state.remove()
    state.close()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3]:
    with server(tmp_path) as running:
        running.make_bucket("searches")
        yield running


def test_a_bucket_has_what_was_sent_and_gives_it_back_elsewhere(store: S3) -> None:
    first = State("s3://searches/mine", "search", store.environment)
    assert not first.continued
    first.journal.write_bytes(b'{"a":1}\n')
    first.send()
    first.close()
    second = State("s3://searches/mine", "search", store.environment)
    assert second.continued
    assert second.journal.read_bytes() == b'{"a":1}\n'
    second.remove()
    second.close()
    third = State("s3://searches/mine", "search", store.environment)
    assert not third.continued
    third.close()


def test_a_bucket_is_not_brought_up_to_date_more_often_than_asked(store: S3) -> None:
    state = State("s3://searches/mine", "search", store.environment)
    for content, every_s in ((b"1\n", 1000.0), (b"1\n2\n", 1000.0)):
        state.journal.write_bytes(content)
        state.send(every_s)
    assert store.objects("searches") == {"mine/search/journal.jsonl": b"1\n"}
    state.send()
    assert store.objects("searches") == {"mine/search/journal.jsonl": b"1\n2\n"}
    state.close()


def test_a_store_that_is_away_for_a_while_does_not_end_the_search(store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    state = State("s3://searches/mine", "search", store.environment, said.append)
    state.journal.write_bytes(b"{}\n")
    from foldline.training import places

    monkeypatch.setattr(places.BucketPlace, "write", _unreachable)
    state.send()
    state.close()
    assert said == ["the search is not kept: HTTPError; it goes on"]


def _unreachable(self: object, content: bytes) -> None:
    from urllib3.exceptions import HTTPError

    raise HTTPError("unreachable")
