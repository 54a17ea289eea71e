"""choose_windows: whole windows only, from just after what the champion was trained on."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import models
from foldline.errors import ArgumentError, ArtifactError, DataError, FoldlineError, StoreError
from foldline.operations.choose_windows.run import run
from foldline.operations.choose_windows.windows import newest
from foldline.store import open_store

TRAINED = {"column": "time", "start": "2013-01-01T05:00:00.000000", "end": "2013-06-30T23:00:00.000000"}


def enthroned(folder: Path, window: dict[str, str] | None = None) -> str:
    store = open_store(str(folder / "store"))
    version = store.register("late", models.unloadable(folder / "model", window=window).path)
    store.set_alias("late", "champion", version, expected=None)
    return version


def chosen(folder: Path, **changed: Any) -> list[str]:
    arguments = {"every": "7d", "until": "2013-07-20", "most_windows": 26} | changed
    paths = [folder / name for name in ("time_start", "time_end", "model_version")]
    run(*map(str, paths), store_uri=str(folder / "store"), model_name="late", **arguments)
    return [path.read_text() for path in paths]


@pytest.mark.parametrize(
    ("changed", "start", "end"),
    [
        ({}, "2013-06-30T23:00:00.000001", "2013-07-14T23:00:00.000001"),
        ({"until": "2013-07-14T23:00:00.000001"}, "2013-06-30T23:00:00.000001", "2013-07-14T23:00:00.000001"),
        ({"until": "2013-07-14T23:00:00"}, "2013-06-30T23:00:00.000001", "2013-07-07T23:00:00.000001"),
        ({"until": "2013-07-15T01:00:00+02:00"}, "2013-06-30T23:00:00.000001", "2013-07-07T23:00:00.000001"),
        ({"most_windows": 1}, "2013-07-07T23:00:00.000001", "2013-07-14T23:00:00.000001"),
        ({"every": "12h", "most_windows": 2}, "2013-07-18T23:00:00.000001", "2013-07-19T23:00:00.000001"),
    ],
)
def test_windows_begin_after_the_training_and_have_ended(
    tmp_path: Path, changed: dict[str, Any], start: str, end: str
) -> None:
    version = enthroned(tmp_path, TRAINED)
    assert chosen(tmp_path, **changed) == [start, end, version]


def test_without_a_time_the_windows_end_now(tmp_path: Path) -> None:
    enthroned(tmp_path, TRAINED)
    end = datetime.fromisoformat(chosen(tmp_path, until="")[1])
    assert timedelta(days=-7) < end - datetime.now() < timedelta(days=1)


@given(
    days=st.integers(1, 60),
    most=st.integers(1, 30),
    hours=st.floats(0, 20_000),
    trained=st.datetimes(max_value=datetime(2100, 1, 1)),
)
def test_windows_are_whole_the_newest_and_without_a_gap(days: int, most: int, hours: float, trained: datetime) -> None:
    length, until = timedelta(days=days), trained + timedelta(hours=hours)
    try:
        span = newest(trained, length, until, most)
    except DataError:
        assert until - trained <= length
        return
    assert span.end <= until < span.end + length
    assert span.end - span.start == span.windows * length
    assert 1 <= span.windows <= most
    assert (span.start - trained - timedelta(microseconds=1)) % length == timedelta()
    assert span.start > trained


@pytest.mark.parametrize(
    ("window", "changed", "kind", "message"),
    [
        (
            TRAINED,
            {"until": "2013-07-07"},
            DataError,
            r"at least one that has ended, so 2013-07-07T23:00:00.000001 or la",
        ),
        ({}, {}, ArtifactError, r"training window of model late [0-9a-f]{12}: expected times of its rows.*time_column"),
        (TRAINED, {"every": "often"}, ArgumentError, r"every: expected a whole number with .*got 'often'"),
        (TRAINED, {"until": "soon"}, ArgumentError, r"until: expected a time in ISO 8601"),
        (TRAINED, {"most_windows": 0}, ArgumentError, r"most_windows: expected at least 1, got 0"),
        (
            None,
            {},
            StoreError,
            r"alias champion of model late in .*: expected a model to watch, got none.*train_and_serve",
        ),
    ],
)
def test_what_cannot_be_watched_is_refused_in_words(
    tmp_path: Path, window: dict[str, str] | None, changed: dict[str, Any], kind: type[FoldlineError], message: str
) -> None:
    if window is not None:
        enthroned(tmp_path, window)
    with pytest.raises(kind, match=message):
        chosen(tmp_path, **changed)


def test_the_component_hands_every_parameter_on(tmp_path: Path) -> None:
    from foldline.operations.choose_windows.component import choose_windows

    version = enthroned(tmp_path, TRAINED)
    paths = {name: str(tmp_path / name) for name in ("time_start", "time_end", "model_version")}
    choose_windows.python_func(
        **paths, store_uri=str(tmp_path / "store"), model_name="late", every="1d", until="2013-07-20", most_windows=3
    )
    assert [Path(path).read_text() for path in paths.values()] == [
        "2013-07-16T23:00:00.000001", "2013-07-19T23:00:00.000001", version,
    ]  # fmt: skip
