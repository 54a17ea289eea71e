"""The processes of a search: where they run, and what becomes of work whose process is lost."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foldline.training.search.settings import Settings
from foldline.training.tune_hyperparameters.pool import Pool, Request, Slot, slots_of

pytestmark = pytest.mark.timeout(1500)
CODE = """
import time
import keras

def build_model(inputs, hang=False):
    if hang:
        time.sleep(3600)
    return keras.Model(inputs.tensors, keras.layers.Dense(1, activation="sigmoid")(inputs.tensors["numeric"]))
"""
MARK = "FOLDLINE_TEST_MARK"


def test_every_device_has_one_process_and_processors_are_shared_out() -> None:
    slots = slots_of({"CUDA_VISIBLE_DEVICES": "0,3"}, at_most=8)
    assert [slot.device for slot in slots] == ["0", "3"]
    assert {number for slot in slots for number in slot.processors} == os.sched_getaffinity(0)
    assert len(slots_of({"CUDA_VISIBLE_DEVICES": "0,1,2"}, at_most=2)) == 2
    (alone,) = slots_of({"CUDA_VISIBLE_DEVICES": ""}, at_most=1)
    assert alone.processors == tuple(sorted(os.sched_getaffinity(0)))


def marked(mark: str) -> list[int]:
    """Processes that were started with the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_process_has_its_slot_to_itself_and_where_it_hangs_or_dies_costs_its_own_request_only(
    line_of: Callable[..., Any], table_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    line = line_of(table_of(200, "binary"))
    space = {"learning_rate": {"type": "float", "low": 1e-3, "high": 0.1}}
    opening = {
        **{name: line.path(name) for name in ("dataset", "folds", "transform")},
        "definition": {"space": space},
        "base": Settings(epochs=1, batch_size=32).to_json(),
        "model": "",
        "model_code": CODE,
        "seed": 0,
    }

    def request(limit_s: float | None, *hangs: bool) -> Request:
        points = [Settings({"hang": hang}, epochs=1, batch_size=32).to_json() for hang in hangs]
        return Request({"do": "train", "points": points, "fold": 0, "epochs": None}, limit_s)

    slot = Slot((min(os.sched_getaffinity(0)),), "7")
    pool = Pool([slot], opening)
    try:
        lost, well = pool.replies([request(2.0, True), request(None, False)], lambda: False)
        assert (lost.lost, lost.content) == ("time_out", {})
        assert lost.seconds >= 2.0
        assert (well.lost, well.content["results"][0]["failure"]) == ("", "")
        assert well.where == "GPU 7"
        (worker,) = marked(str(tmp_path))
        assert os.sched_getaffinity(worker) == set(slot.processors)
        environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
        assert {b"CUDA_VISIBLE_DEVICES=7", b"OMP_NUM_THREADS=1"} <= set(environment)
        began = time.monotonic()
        replies = pool.replies([request(None, True)], lambda: time.monotonic() > began + 1.0 and _killed(worker))
        killed = next(replies)
        assert killed.lost == "out_of_memory"
        assert 1.0 <= killed.seconds <= time.monotonic() - began
        # An end that is asked for ends what is at work.
        began = time.monotonic()
        assert list(pool.replies([request(None, True)], lambda: time.monotonic() > began + 1.0)) == []
        assert marked(str(tmp_path)) == []
    finally:
        pool.close()


def _killed(worker: int) -> bool:
    if worker in marked_alive(worker):
        os.kill(worker, signal.SIGKILL)
    return False


def marked_alive(worker: int) -> list[int]:
    return [worker] if Path(f"/proc/{worker}").exists() else []
