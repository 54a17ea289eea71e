"""The folder of a run: taken once, continued, never trusted blindly, and its faults in one line."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foldline.errors import RunError
from foldline_pipelines.local import folder

Call = Callable[..., subprocess.CompletedProcess[str]]
Compiled = Callable[[str], Path]
Record = Callable[[Path], dict[str, Any]]


def states(run: dict[str, Any]) -> dict[str, str]:
    return {name: task["state"] for name, task in run["by_name"].items()}


@pytest.fixture
def failed(foldline: Call, compiled: Compiled, tmp_path: Path) -> Path:
    """A run whose second task failed because a file was missing, which is there now."""
    out = tmp_path / "run"
    assert foldline("run", compiled("needs_file"), "--set", f"file={tmp_path / 'wanted'}", "--out", out).returncode == 1
    (tmp_path / "wanted").write_text("here")
    return out


def test_a_second_run_into_a_folder_is_refused(foldline: Call, compiled: Compiled, failed: Path) -> None:
    before = (failed / "run.json").read_bytes()
    ended = foldline("run", compiled("needs_file"), "--set", "file=x", "--out", failed)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{failed}: expected a new or empty folder, got a folder that holds a run.")
    assert (failed / "run.json").read_bytes() == before


def test_a_resumed_run_takes_what_succeeded_and_runs_the_rest(
    foldline: Call, compiled: Compiled, record: Record, failed: Path
) -> None:
    ended = foldline("run", compiled("needs_file"), "--out", failed, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert states(record(failed)) == {"write-rows": "cached", "read-file": "succeeded", "note": "succeeded"}
    assert "write-rows: cached" in ended.stdout
    # Once more: the task that is never cached runs again.
    assert foldline("run", compiled("needs_file"), "--out", failed, "--resume").returncode == 0
    assert states(record(failed)) == {"write-rows": "cached", "read-file": "cached", "note": "succeeded"}


def edit(table: Path) -> None:
    (table / "text.txt").write_text("edited")


def add(table: Path) -> None:
    (table / "more.txt").write_text("")


def remove(table: Path) -> None:
    (table / "rows.parquet").unlink()


@pytest.mark.parametrize("change", [edit, add, remove])
def test_a_cached_artifact_that_was_changed_is_made_again(
    change: Callable[[Path], None], foldline: Call, compiled: Compiled, record: Record, failed: Path
) -> None:
    table = Path(record(failed)["by_name"]["write-rows"]["artifacts"]["table"]["uri"])
    change(table)
    assert foldline("run", compiled("needs_file"), "--out", failed, "--resume").returncode == 0
    run = record(failed)
    assert states(run)["write-rows"] == "succeeded"
    assert Path(run["by_name"]["note"]["artifacts"]["text"]["uri"]).read_text() == "hello"


def test_a_task_that_was_not_reached_again_does_not_count_as_done(
    foldline: Call, compiled: Compiled, record: Record, failed: Path, tmp_path: Path
) -> None:
    assert foldline("run", compiled("needs_file"), "--out", failed, "--resume").returncode == 0
    edit(Path(record(failed)["by_name"]["write-rows"]["artifacts"]["table"]["uri"]))
    shutil.rmtree(failed / "cache")
    (tmp_path / "wanted").unlink()
    assert foldline("run", compiled("needs_file"), "--out", failed, "--resume").returncode == 1
    assert states(record(failed)) == {"write-rows": "succeeded", "read-file": "failed", "note": "not run"}


def test_a_resumed_run_keeps_its_parameters(foldline: Call, compiled: Compiled, failed: Path) -> None:
    ended = foldline("run", compiled("needs_file"), "--out", failed, "--resume", "--set", "rows=4")
    assert ended.returncode == 1
    assert ended.stderr.startswith("rows: expected 3, as in the run that is continued, got 4.")


def test_a_run_of_another_pipeline_is_not_continued(foldline: Call, compiled: Compiled, failed: Path) -> None:
    ended = foldline("run", compiled("chain"), "--out", failed, "--resume")
    assert ended.returncode == 1
    assert "expected a run of chain, got a run of needs-file" in ended.stderr


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(RunError, match="got a folder that holds other files"):
        folder.last_attempt(tmp_path, resume=False)


@pytest.mark.parametrize("exists", [True, False])
def test_there_must_be_a_run_to_continue(exists: bool, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected a run to continue, got no run"):
        folder.last_attempt(tmp_path if exists else tmp_path / "none", resume=True)


def test_a_torn_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format":')
    with pytest.raises(RunError, match=r"run\.json: expected JSON, got text that is torn"):
        folder.last_attempt(tmp_path, resume=True)


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    with folder.claimed(tmp_path), pytest.raises(RunError, match="a run is under way"), folder.claimed(tmp_path):
        pass
    with folder.claimed(tmp_path):
        pass


def test_a_file_in_place_of_the_folder_is_one_line(foldline: Call, compiled: Compiled, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    ended = foldline("run", compiled("count"), "--out", tmp_path / "run")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "expected a folder that can be written" in ended.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False) if os.getuid() == 0 else None
    if mounted is None or mounted.returncode:
        pytest.skip("a disk of its own needs root and the right to mount")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_one_line(foldline: Call, compiled: Compiled, small_disk: Path) -> None:
    (small_disk / "run").mkdir()
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filling").write_bytes(bytes(2_000_000))
    ended = foldline("run", compiled("count"), "--out", small_disk / "run")
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"{small_disk / 'run'}: expected room on its disk, got No space left on device. "
        "Free some space, or name a folder on a larger disk with --out."
    ]


def test_a_disk_that_fills_up_during_a_task_is_that_task_s_message(
    foldline: Call, compiled: Compiled, small_disk: Path
) -> None:
    text = "x" * 60_000
    (small_disk / "filling").write_bytes(bytes(930_000))
    ended = foldline("run", compiled("count"), "--out", small_disk / "run", "--set", f"text={text}")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) <= 2
    assert "No space left on device" in ended.stderr


def test_a_folder_that_may_not_be_written_is_one_line(foldline: Call, compiled: Compiled) -> None:
    # Nobody makes folders in /proc, not even root.
    ended = foldline("run", compiled("count"), "--out", Path("/proc/foldline/run"))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "expected a folder that can be written, got" in ended.stderr
