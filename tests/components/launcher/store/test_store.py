"""The model store: complete versions, aliases that move in one step, one command back."""

import fcntl
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import models
from foldline.artifacts import Model
from foldline.errors import ArgumentError, ArtifactError, FoldlineError, StoreError
from foldline.store import open_store, version_of

RACE = """
import sys, time
from foldline.errors import StoreError
from foldline.store import open_store
uri, name, version, expected, start = sys.argv[1:]
store = open_store(uri)
time.sleep(max(0.0, float(start) - time.time()))
try:
    store.set_alias(name, "champion", version, expected=expected or None)
    print("won")
except StoreError as fault:
    print("told", fault)
"""


def test_a_registered_model_comes_back_as_it_was(store_uri: str, tmp_path: Path) -> None:
    model = models.unloadable(tmp_path / "model")
    (tmp_path / "model" / "stray.txt").write_text("not sealed")
    store = open_store(store_uri)
    version = store.register("late", model.path)
    assert version == version_of(model.digest) == model.digest[7:19]
    fetched = open_store(store_uri).fetch("late", version)
    assert Model.read(fetched).digest == model.digest
    assert not (fetched / "stray.txt").exists()
    assert store.register("late", model.path) == version


def test_an_alias_is_nothing_until_it_is_set_and_its_history_is_kept(store_uri: str, tmp_path: Path) -> None:
    store = open_store(store_uri)
    assert store.alias("late", "champion") is None
    first, second = (store.register("late", models.unloadable(tmp_path / name, name).path) for name in ("a", "b"))
    store.set_alias("late", "champion", first, expected=None)
    store.set_alias("late", "champion", second, expected=first)
    store.set_alias("late", "champion", second, expected=first)
    assert open_store(store_uri).alias("late", "champion") == second
    assert [(move.version, move.action) for move in store.history("late", "champion")] == [
        (first, "set"),
        (second, "set"),
    ]
    assert store.alias("late", "shadow") is None
    assert store.alias("other", "champion") is None


def test_a_champion_that_somebody_else_moved_is_not_overwritten(store_uri: str, tmp_path: Path) -> None:
    store = open_store(store_uri)
    versions = [store.register("late", models.unloadable(tmp_path / name, name).path) for name in "abc"]
    store.set_alias("late", "champion", versions[0], expected=None)
    for stale in (None, versions[1]):
        with pytest.raises(StoreError, match=f"got {versions[0]}"):
            store.set_alias("late", "champion", versions[2], expected=stale)
    assert store.alias("late", "champion") == versions[0]


def test_rollback_walks_back_and_never_forward_to_what_was_thrown_out(store_uri: str, tmp_path: Path) -> None:
    store = open_store(store_uri)
    a, b, c, d = (store.register("late", models.unloadable(tmp_path / name, name).path) for name in "abcd")
    for before, after in ((None, a), (a, b), (b, c)):
        store.set_alias("late", "champion", after, expected=before)
    assert store.rollback("late") == (c, b)
    store.set_alias("late", "champion", d, expected=b)
    assert store.rollback("late") == (d, b)
    assert store.rollback("late") == (b, a)
    with pytest.raises(StoreError, match="a version before the current one, got none"):
        store.rollback("late")
    assert store.alias("late", "champion") == a
    with pytest.raises(StoreError, match="an alias that was never set"):
        store.rollback("other")


@pytest.mark.parametrize("first", [True, False], ids=["no-champion-yet", "champion-moves"])
def test_of_two_writers_at_once_one_wins_and_the_other_is_told(store_uri: str, tmp_path: Path, first: bool) -> None:
    import os
    import time

    store = open_store(store_uri)
    versions = [store.register("late", models.unloadable(tmp_path / name, name).path) for name in "abcde"]
    expected = None if first else versions[4]
    if expected:
        store.set_alias("late", "champion", expected, expected=None)
    start = str(time.time() + 1.5)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, store_uri, "late", version, expected or "", start],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for version in versions[:4]
    ]
    said = [writer.communicate(timeout=60)[0] for writer in writers]
    winners = [version for version, line in zip(versions, said, strict=False) if line == "won\n"]
    assert len(winners) == 1, said
    assert all("Somebody else moved it" in line for line in said if line != "won\n")
    assert store.alias("late", "champion") == winners[0]
    assert len(store.history("late", "champion")) == (1 if first else 2)


def test_writers_of_the_same_model_at_once_leave_one_complete_version(store_uri: str, tmp_path: Path) -> None:
    model = models.unloadable(tmp_path / "model", size=2_000_000)
    version = version_of(model.digest)
    failures: list[Exception] = []
    seen: list[str] = []
    done = threading.Event()

    def write() -> None:
        try:
            open_store(store_uri).register("late", model.path)
        except FoldlineError as fault:
            failures.append(fault)

    def read() -> None:
        while not done.is_set():
            try:
                seen.append(Model.read(open_store(store_uri).fetch("late", version)).digest)
            except StoreError as fault:
                if "no such version" not in str(fault):
                    failures.append(fault)
            except ArtifactError as fault:
                failures.append(fault)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write) for _ in range(4)]
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert failures == []
    assert set(seen) <= {model.digest}
    if not store_uri.startswith("s3://"):
        assert [path.name for path in (Path(store_uri) / "late" / "versions").iterdir()] == [version]


def test_a_torn_model_is_refused_and_leaves_nothing(store_uri: str, tmp_path: Path) -> None:
    model = models.unloadable(tmp_path / "model")
    (model.saved_model / "saved_model.pb").write_bytes(b"torn")
    with pytest.raises(ArtifactError, match=r"saved_model\.pb"):
        open_store(store_uri).register("late", model.path)
    with pytest.raises(StoreError, match="no such version"):
        open_store(store_uri).fetch("late", version_of(model.digest))


def test_what_was_edited_in_the_store_is_an_error_and_never_no_champion(
    store_uri: str, tmp_path: Path, overwrite: Callable[[str, bytes], None]
) -> None:
    store = open_store(store_uri)
    version = store.register("late", models.unloadable(tmp_path / "a", "a").path)
    store.set_alias("late", "champion", version, expected=None)
    overwrite(f"late/versions/{version}/1/saved_model.pb", b"other weights")
    with pytest.raises(ArtifactError, match=r"saved_model\.pb: expected sha256:"):
        open_store(store_uri).fetch("late", version)
    with pytest.raises(ArtifactError, match=r"saved_model\.pb"):
        open_store(store_uri).register("late", tmp_path / "a")
    for text in (b"", b'{"version": "000000000000"}', b"[]", json.dumps({"history": []}).encode()):
        overwrite("late/aliases/champion.json", text)
        with pytest.raises(StoreError, match=r"champion\.json: expected a record of the form foldline.alias/1"):
            open_store(store_uri).alias("late", "champion")


def test_another_model_in_a_versions_place_is_an_error(
    store_uri: str, tmp_path: Path, overwrite: Callable[[str, bytes], None]
) -> None:
    store = open_store(store_uri)
    one, other = (models.unloadable(tmp_path / name, name) for name in "ab")
    version = store.register("late", one.path)
    for file in ("1/saved_model.pb", "1/variables/variables.index", "training_rows.parquet", "model.json"):
        overwrite(f"late/versions/{version}/{file}", (other.path / file).read_bytes())
    again = open_store(store_uri)
    for attempt in (lambda: again.fetch("late", version), lambda: again.register("late", one.path)):
        with pytest.raises(StoreError, match=f"expected a model with the digest {version}…, got {other.digest}"):
            attempt()


def test_a_writer_waits_for_the_lock_and_then_sees_what_the_other_wrote(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    mine, theirs = (store.register("late", models.unloadable(tmp_path / name, name).path) for name in "ab")
    store.set_alias("late", "rehearsal", theirs, expected=None)
    aliases = tmp_path / "store" / "late" / "aliases"
    told: list[StoreError] = []

    def move() -> None:
        try:
            store.set_alias("late", "champion", mine, expected=None)
        except StoreError as fault:
            told.append(fault)

    writer = threading.Thread(target=move)
    with (aliases / ".champion.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer.start()
        writer.join(0.5)
        assert writer.is_alive()
        (aliases / "rehearsal.json").rename(aliases / "champion.json")
    writer.join(10)
    assert "Somebody else moved it" in str(told[0])
    assert store.alias("late", "champion") == theirs


def test_a_manifest_cannot_name_files_outside_its_version(
    store_uri: str, tmp_path: Path, overwrite: Callable[[str, bytes], None]
) -> None:
    store = open_store(store_uri)
    model = models.unloadable(tmp_path / "a", "a")
    version = store.register("late", model.path)
    manifest = json.loads((model.path / "model.json").read_text())
    manifest["files"]["../../../../escaped"] = "sha256:0"
    overwrite(f"late/versions/{version}/model.json", json.dumps(manifest).encode())
    with pytest.raises((StoreError, ArtifactError), match=r"files below its folder|field seal"):
        open_store(store_uri).fetch("late", version)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", ".hidden", "a b", "é", "x" * 64, "a\n"])
def test_a_name_that_is_no_plain_word_is_refused(tmp_path: Path, name: str) -> None:
    store = open_store(str(tmp_path / "store"))
    calls: list[Callable[[], Any]] = [
        lambda: store.alias(name, "champion"),
        lambda: store.alias("late", name),
        lambda: store.register(name, tmp_path),
        lambda: store.fetch("late", name),
        lambda: store.set_alias("late", name, "0" * 12, expected=None),
        lambda: store.set_alias(name, "champion", "0" * 12, expected=None),
        lambda: store.rollback(name),
    ]
    for call in calls:
        with pytest.raises((ArgumentError, StoreError)) as told:
            call()
        assert repr(name) in str(told.value) or "no such version" in str(told.value)
    assert not (tmp_path / "store").exists()


def test_an_unregistered_version_gets_no_alias(store_uri: str) -> None:
    with pytest.raises(StoreError, match="expected a registered version, got no such version"):
        open_store(store_uri).set_alias("late", "champion", "0" * 12, expected=None)


@pytest.mark.parametrize("uri", ["", "gs://bucket/x", "http://host/x", "file://host/x", "s3://", "file:x"])
def test_an_address_that_is_no_store_is_refused(uri: str) -> None:
    with pytest.raises(ArgumentError, match="store_uri"):
        open_store(uri)


def test_a_file_address_is_its_folder(tmp_path: Path) -> None:
    model = models.unloadable(tmp_path / "model")
    version = open_store(f"file://{tmp_path}/a%20store").register("late", model.path)
    assert open_store(str(tmp_path / "a store")).fetch("late", version).is_dir()


def test_a_bucket_that_does_not_exist_is_an_error_and_never_no_champion(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="NoSuchBucket"):
        open_store("s3://nobody-made-this/x").alias("late", "champion")


def test_a_store_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    model = models.unloadable(tmp_path / "model")
    with pytest.raises(StoreError, match="expected a folder that can be read and written, got Not a directory"):
        open_store(str(tmp_path / "store")).register("late", model.path)


def test_the_command_rolls_back_and_prints_both_versions(store_uri: str, tmp_path: Path) -> None:
    import os

    store = open_store(store_uri)
    a, b = (store.register("late", models.unloadable(tmp_path / name, name).path) for name in "ab")
    store.set_alias("late", "champion", a, expected=None)
    store.set_alias("late", "champion", b, expected=a)

    def command(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "foldline.store", name, "--store", store_uri, "--model", "late"],
            capture_output=True,
            text=True,
            check=False,
            env=dict(os.environ),
        )

    assert command("rollback").stdout == f"champion of late: {b} -> {a}\n"
    assert store.alias("late", "champion") == a
    assert [line.split()[1:] for line in command("history").stdout.splitlines()] == [
        ["set", a],
        ["set", b],
        ["rollback", a],
    ]
    ended = command("rollback")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "a version before the current one" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
