"""Who makes a site, who finds it, and what becomes of what somebody left."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builders import sites
from builders.sites import CHALLENGER, CHAMPION, READY_S, arm
from foldline.errors import ServingError
from foldline.serving.site import counters, processes
from foldline.serving.site.owning import begin, description, is_served, serving
from foldline.serving.site.router import LOG
from foldline.serving.site.state import COMMAND, read

TESTS = Path(__file__).parents[4]
# Makes a site as a task or a command, gives the challenger half, and is killed.
LEAVES = """
import os, signal, sys
from pathlib import Path
from builders import sites
from foldline.serving.site.owning import begin, description

made = begin(Path(sys.argv[1]), description("late", "models", kind=sys.argv[2]), sites.arm(sys.argv[3]), 60.0)
sites.split(made).shift(50.0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def left(folder: Path, kind: str = "deploy_canary", version: str = CHAMPION) -> None:
    command = [sys.executable, "-c", LEAVES, str(folder), kind, version]
    ended = subprocess.run(command, env={"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_site_of_a_task_ends_with_its_block(tmp_path: Path) -> None:
    def work() -> None:
        with serving(tmp_path, "late", "models", arm(CHAMPION), READY_S) as site:
            assert len(processes.marked(tmp_path)) == 2
            assert sites.sent(site, 5) == {(200, CHAMPION): 5}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert processes.marked(tmp_path) == []
    assert read(tmp_path) is None


def test_what_a_killed_task_left_is_taken_up_where_it_serves_the_champion(tmp_path: Path) -> None:
    left(tmp_path)
    before = read(tmp_path)
    with serving(tmp_path, "late", "models", arm(CHAMPION), READY_S) as site:
        split = sites.split(site)
        assert split.percent() == 50.0
        assert before is not None
        assert site.state().arms == before.arms
        split.shift(10.0)
    assert processes.marked(tmp_path) == []


def test_what_a_killed_task_left_is_ended_where_it_serves_another(tmp_path: Path) -> None:
    left(tmp_path, version="c0ffee000009")
    with serving(tmp_path, "late", "models", arm(CHAMPION), READY_S) as site:
        assert len(processes.marked(tmp_path)) == 2
        assert sites.sent(site, 5) == {(200, CHAMPION): 5}


def test_what_a_killed_command_left_serves_on_and_a_task_does_not_end_it(tmp_path: Path) -> None:
    left(tmp_path, kind=COMMAND)
    try:
        assert is_served(tmp_path)
        with serving(tmp_path, "late", "models", arm(CHAMPION), READY_S) as site:
            sites.split(site).revert()
        assert sites.sent(site, 5) == {(200, CHAMPION): 5}
    finally:
        site.end()
    assert not is_served(tmp_path)


def test_a_command_that_serves_another_version_than_the_champion_is_told(tmp_path: Path) -> None:
    with sites.site(tmp_path, kind=COMMAND) as site:
        said = f"expected version {CHALLENGER}, the store's champion, served, got version {CHAMPION} served by foldline"
        with pytest.raises(ServingError, match=said), serving(tmp_path, "late", "models", arm(CHALLENGER), READY_S):
            pass
        gone_on_with = serving(tmp_path, "late", "models", arm("c0ffee000000"), READY_S, challenger=CHAMPION)
        with gone_on_with as joined:
            assert joined.folder == site.folder
        assert sites.sent(site, 5) == {(200, CHAMPION): 5}


def test_a_second_owner_is_told_who_is_the_first(tmp_path: Path) -> None:
    with sites.site(tmp_path) as site:
        _, port = site.address()
        code = (
            "from builders import sites; from pathlib import Path; "
            "from foldline.serving.site.owning import begin, description; "
            f"begin(Path({str(tmp_path)!r}), description('late', 'models'), sites.arm('other'), 60.0)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False
        )
        assert f"got one of deploy_canary with pid {os.getpid()} on 127.0.0.1:{port}" in ended.stderr
        assert sites.sent(site, 5) == {(200, CHAMPION): 5}


def test_a_port_that_is_taken_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServingError, match=f"port {port} of 127.0.0.1: expected a free port, got Address already"):
            begin(tmp_path, description("late", "models", port=port), arm(CHAMPION), READY_S)
    assert processes.marked(tmp_path) == []


def test_a_champion_that_does_not_start_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"ended with exit code 2; it last said: .*--nonsense"):
        begin(tmp_path, description("late", "models"), arm(CHAMPION, "--nonsense"), READY_S)
    assert processes.marked(tmp_path) == []


def test_a_dead_envoy_is_told_with_its_last_line_and_the_way_back_starts_another(tmp_path: Path) -> None:
    with sites.site(tmp_path) as site:
        split = sites.split(site)
        split.shift(50.0)
        before = split.read()
        envoy = site.state().envoy
        assert envoy is not None
        os.kill(envoy.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while processes.runs(envoy):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with (tmp_path / LOG).open("a") as log:
            log.write("its last words\n")
        told = r"Envoy of the site .*: expected a running process, got none; its log ends with: its last words"
        for call in (split.percent, lambda: split.shift(10.0), lambda: split.mirror(10.0), split.promote):
            with pytest.raises(ServingError, match=told):
                call()
        reading = split.read()
        assert (reading.champion, reading.challenger) == (None, None)
        assert "its last words" in reading.problem
        split.revert()
        assert sites.sent(site, 5) == {(200, CHAMPION): 5}
        after = split.read().champion
        assert after is not None
        assert before.champion is not None
        assert after.epoch != before.champion.epoch


def test_an_envoy_that_is_started_again_serves_as_before(tmp_path: Path) -> None:
    with sites.site(tmp_path) as site:
        split = sites.split(site)
        split.shift(50.0)
        assert not site.revive()
        envoy = site.state().envoy
        assert envoy is not None
        processes.end(envoy, 10.0)
        assert site.revive()
        assert split.percent() == 50.0
        assert set(sites.sent(site, 100)) == {(200, CHAMPION), (200, CHALLENGER)}


def test_requests_under_way_are_answered_when_a_site_ends(tmp_path: Path) -> None:
    slow = arm(CHAMPION, "--delay-ms", "3000")
    with sites.site(tmp_path, slow) as site, sites.load(site, 100.0, count=4) as replay:
        deadline = time.monotonic() + 60
        while counters.active(site.router().counts(), str(site.state().champion)) < 4:
            assert time.monotonic() < deadline
        site.end()
        assert replay.wait(60.0)
        assert replay.answers() == {(200, CHAMPION): 4}
