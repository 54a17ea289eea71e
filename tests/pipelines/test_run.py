"""Local runs of small pipelines, through the command."""

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from builders.browser import CHROMIUM, visit
from foldline_pipelines.local import environments

Call = Callable[..., subprocess.CompletedProcess[str]]
Compiled = Callable[[str], Path]
Record = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def counted(foldline: Call, compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of a run that succeeds; its path and a parameter hold the text that kfp.local replaces."""
    out = tmp_path_factory.mktemp("python3 with space") / "run"
    ended = foldline("run", compiled("count"), "--out", out, "--set", "text=#!/usr/bin/env python3")
    assert ended.returncode == 0, ended.stderr
    return out, ended.stdout


def test_a_run_says_when_each_task_begins_and_ends_and_what_to_do_next(counted: tuple[Path, str]) -> None:
    out, said = counted
    for task in ("write-rows", "count-rows", "note"):
        assert said.index(f"{task}: running\n") < said.index(f"{task}: succeeded, ")
    assert f"report: {out / 'index.html'}\n" in said
    assert "next: " in said


def test_a_task_runs_in_the_environment_of_its_image(counted: tuple[Path, str], record: Record) -> None:
    metrics = record(counted[0])["by_name"]["write-rows"]["metrics"]
    assert metrics == {"rows": 3, "prefix": str(environments.root() / "launcher")}


def test_parameters_and_paths_reach_a_task_unchanged(counted: tuple[Path, str], record: Record) -> None:
    text = Path(record(counted[0])["by_name"]["note"]["artifacts"]["text"]["uri"])
    assert text.read_text() == "#!/usr/bin/env python3"


def test_the_record_holds_parameters_artifacts_and_figures(counted: tuple[Path, str], record: Record) -> None:
    run = record(counted[0])
    assert (run["format"], run["pipeline"], run["state"]) == ("foldline-run/1", "count", "succeeded")
    assert run["parameters"] == {"rows": 3, "text": "#!/usr/bin/env python3", "most": 10}
    assert run["machine"]["cores"] >= 1
    assert run["peak_memory_bytes"] == max(task["peak_memory_bytes"] for task in run["tasks"])
    assert sum(task["seconds"] for task in run["tasks"]) == pytest.approx(run["task_seconds"], abs=0.01)
    assert run["task_seconds"] < run["seconds"]
    table = run["by_name"]["write-rows"]["artifacts"]["table"]
    assert table["type"] == "system.Dataset"
    assert table["metadata"] == {"rows": 3}
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", table["digest"])
    assert "wrote 3 rows" in (counted[0] / run["by_name"]["write-rows"]["log"]).read_text()


def test_the_page_links_reports_and_logs_that_exist(counted: tuple[Path, str]) -> None:
    page = (counted[0] / "index.html").read_text()
    addresses = re.findall(r'<a href="([^"]+)"', page)
    assert "reports/count-rows-page.html" in addresses
    assert "logs/write-rows.log" in addresses
    assert all((counted[0] / address).is_file() for address in addresses)
    assert "<script" not in page
    assert "//" not in "".join(addresses)


@pytest.mark.skipif(CHROMIUM is None, reason="the Debian package chromium is not installed")
def test_the_page_is_quiet_in_a_browser(counted: tuple[Path, str], tmp_path: Path) -> None:
    seen = visit(counted[0] / "index.html", tmp_path)
    assert (seen.console, seen.requests) == ([], [])
    assert "count: succeeded" in seen.document


def test_two_tasks_of_one_component_keep_their_artifacts_apart(
    foldline: Call, compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    assert foldline("run", compiled("twice"), "--out", tmp_path / "run").returncode == 0
    tasks = record(tmp_path / "run")["by_name"]
    assert [tasks[name]["metrics"]["rows"] for name in ("write-rows", "write-rows-2")] == [1, 2]
    assert [Path(tasks[name]["artifacts"]["text"]["uri"]).read_text() for name in ("note", "note-2")] == [
        "first",
        "second",
    ]


def test_a_sub_pipeline_that_is_used_twice_keeps_its_artifacts_apart(
    foldline: Call, compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    assert foldline("run", compiled("sub_pipeline_twice"), "--out", tmp_path / "run").returncode == 0
    texts = [
        Path(task["artifacts"]["text"]["uri"]).read_text()
        for task in record(tmp_path / "run")["tasks"]
        if "text" in task["artifacts"]
    ]
    assert sorted(texts) == ["first", "second"]


def test_each_pass_of_a_loop_is_a_task(foldline: Call, compiled: Compiled, record: Record, tmp_path: Path) -> None:
    assert foldline("run", compiled("loop"), "--out", tmp_path / "run").returncode == 0
    tasks = record(tmp_path / "run")["tasks"]
    assert sorted(task["parameters"]["number"] for task in tasks) == [1, 2, 3]
    assert len({task["log"] for task in tasks}) == 3


def test_a_failing_task_is_named_with_its_own_message_and_log(
    foldline: Call, compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    ended = foldline("run", compiled("count"), "--set", "most=2", "--out", out)
    message = "Task count-rows failed: table: expected at most 2 rows, got 3. Ask for fewer."
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [message, f"log: {out / 'logs' / 'count-rows.log'}"]
    assert "Traceback" not in ended.stdout
    assert "Traceback" in (out / "logs" / "count-rows.log").read_text()
    run = record(out)
    assert (run["state"], run["message"]) == ("failed", message)
    assert {name: task["state"] for name, task in run["by_name"].items()} == {
        "write-rows": "succeeded",
        "count-rows": "failed",
        "note": "not run",
    }
    assert "count: failed" in (out / "index.html").read_text()


def test_a_task_that_is_killed_says_by_what(foldline: Call, compiled: Compiled, tmp_path: Path) -> None:
    ended = foldline("run", compiled("killed"), "--out", tmp_path / "run")
    assert ended.returncode == 1
    expected = "Task kill-itself failed: ended by SIGKILL; the machine may have run out of memory"
    assert ended.stderr.splitlines()[0] == expected


def test_an_unknown_image_is_an_error_that_names_task_and_image(
    foldline: Call, compiled: Compiled, tmp_path: Path
) -> None:
    ended = foldline("run", compiled("foreign"), "--out", tmp_path / "run")
    assert ended.returncode == 1
    assert re.fullmatch(r"task elsewhere: expected one of .*, got python:3\.11\. .*\n", ended.stderr)
    assert not (tmp_path / "run").exists()


def test_a_pipeline_that_would_run_wrongly_is_refused(foldline: Call, compiled: Compiled, tmp_path: Path) -> None:
    ended = foldline("run", compiled("wrong"), "--out", tmp_path / "run")
    assert ended.returncode == 1
    assert "got an output from outside the loop, which is replaced by the loop's item." in ended.stderr
    assert not (tmp_path / "run").exists()


def test_time_and_memory_are_those_that_the_task_used(
    foldline: Call, compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    assert foldline("run", compiled("burn"), "--out", tmp_path / "run").returncode == 0
    task = record(tmp_path / "run")["by_name"]["use"]
    assert 300e6 < task["peak_memory_bytes"] < 400e6
    assert 0.8 < task["cpu_seconds"] < 2.5
    assert task["seconds"] > 0.8


def test_the_runner_adds_little_to_each_task(
    foldline: Call, compiled: Compiled, record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert foldline("run", compiled("chain"), "--out", tmp_path / "run").returncode == 0
    tasks = record(tmp_path / "run")["tasks"]
    began = time.monotonic()
    subprocess.run(
        [environments.interpreter("launcher"), "-c", "import kfp.dsl.executor_main"],
        env=os.environ | {"_KFP_RUNTIME": "true"},
        check=True,
    )
    bare = time.monotonic() - began
    starts = sorted(datetime.fromisoformat(task["started"]) for task in tasks)
    each = (starts[-1] - starts[0]).total_seconds() / (len(starts) - 1)
    with capsys.disabled():
        print(f"\nfrom task to task {each:.3f} s; the executor alone {bare:.3f} s; the runner {each - bare:.3f} s")
    assert len(tasks) == 5
    assert each > 0


def test_a_terminal_shows_a_table_of_all_tasks(compiled: Compiled, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [
        str(Path(sys.executable).parent / "foldline"),
        "run",
        str(compiled("count")),
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass
    assert process.wait() == 0
    assert b"peak memory" in shown
    assert b"waiting" in shown
    assert shown.count(b"\x1b[") > 10
