"""`foldline serve` and `foldline rollback` with real model servers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from builders import models
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.requests import predict
from foldline.serving.site import processes
from foldline.serving.site.__main__ import main
from foldline.serving.site.model_server import program
from foldline.serving.site.owning import serving
from foldline.serving.site.replay import Replay
from foldline.serving.site.state import default_folder, read
from foldline.store import Store, open_store

READY_S = 120.0


class Command(NamedTuple):
    process: subprocess.Popen[str]
    port: int


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two versions; the second is the champion, the first was it before."""
    place = tmp_path_factory.mktemp("command")
    store = open_store(str(place / "store"))
    expected = None
    for name in ("first", "second"):
        version = store.register("late", models.model(place / name, [1], name=name).path)
        store.set_alias("late", "champion", version, expected=expected)
        expected = version
    return store


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("FOLDLINE_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def command(store: Store, home: Path) -> Iterator[Command]:
    process = started(store, "--host", "localhost", "--port", "0")
    try:
        yield Command(process, listening(process.stdout))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def started(store: Store, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "foldline.serving.site", "serve", "--store", store.uri, "--model", "late"]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def listening(output: IO[str] | None) -> int:
    assert output is not None
    line = output.readline()
    assert line.startswith("listening on http://"), line
    return int(line.split(":")[2])


def served(port: int) -> str:
    answer = predict("127.0.0.1", port, "late", [{"distance": 1.0}])
    assert answer.status == 200, answer
    return answer.version


def versions(store: Store) -> tuple[str, str]:
    first, second = (move.version for move in store.history("late")[:2])
    return first, second


def test_the_champion_is_served_and_a_second_command_is_told_so(command: Command, store: Store) -> None:
    assert served(command.port) == versions(store)[1]
    second = started(store, "--port", "0")
    output, said = second.communicate(timeout=120)
    assert (second.returncode, output) == (1, "")
    assert f"got one of foldline serve with pid {command.process.pid} on 127.0.0.1:{command.port}" in said
    assert len(said.splitlines()) == 1


def test_a_rollout_joins_what_is_served_and_a_rollback_is_followed(
    command: Command, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = versions(store)
    folder = default_folder(store.uri, "late")
    champion = program(second, store.fetch("late", second), "late")
    challenger = program(first, store.fetch("late", first), "late")
    arguments = ["rollback", "--store", store.uri, "--model", "late"]
    users = Replay("127.0.0.1", command.port, "late", [{"distance": 1.0}], 50.0)
    with users, serving(folder, "late", store.uri, champion, READY_S) as site:
        assert site.address()[1] == command.port
        split = LocalSplit(site, challenger, timeout_s=READY_S)
        split.promote()
        assert served(command.port) == first
        assert main(arguments) == 1
        assert f"expected no rollout under way, got version {first} beside the champion" in capsys.readouterr().err
        assert store.alias("late", "champion") == second
        reading = split.read()
        assert reading.challenger is not None
        assert reading.challenger.invalid == 0
        assert reading.challenger.predictions is not None
        split.revert()
        assert served(command.port) == second

        assert main(arguments) == 0
        assert capsys.readouterr().out == f"champion of late: {second} -> {first}\n{first} is served now\n"
    assert set(users.answers()) == {(200, first), (200, second)}
    assert served(command.port) == first
    assert store.alias("late", "champion") == first
    assert len(processes.marked(folder)) == 2
    assert command.process.poll() is None


def test_an_envoy_that_ends_is_started_again_and_the_command_says_so(command: Command, store: Store) -> None:
    state = read(default_folder(store.uri, "late"))
    assert state is not None
    assert state.envoy is not None
    os.kill(state.envoy.pid, signal.SIGKILL)
    assert command.process.stderr is not None
    assert "Envoy had ended and was started again" in command.process.stderr.readline()
    assert served(command.port)


def test_the_command_ends_what_it_served_and_says_nothing(command: Command, store: Store) -> None:
    folder = default_folder(store.uri, "late")
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(timeout=120) == 0
    assert processes.marked(folder) == []
    assert read(folder) is None


def test_a_champion_whose_server_ends_ends_the_command(store: Store, home: Path) -> None:
    process = started(store, "--port", "0")
    listening(process.stdout)
    folder = default_folder(store.uri, "late")
    state = read(folder)
    assert state is not None
    (arm,) = state.arms.values()
    os.kill(arm.process.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "model server of late: expected ready to serve, got it ended with exit code -9" in said
    assert processes.marked(folder) == []


def test_a_model_without_a_champion_is_not_served(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--store", str(tmp_path), "--model", "late"]) == 1
    assert "alias champion of model late" in capsys.readouterr().err
