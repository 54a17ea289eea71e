"""Rollouts behind a route whose API server loses answers, or whose Prometheus tells nonsense."""

import base64
import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.relay import Forward, relaying
from builders.rollouts import FIRST_LOOK, ended
from builders.route_lab import PROMETHEUS, Lab, Users
from builders.route_rollouts import RouteRollouts
from builders.wire import DROP, Asked, Reply

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1500)]

STEPS = {"steps": [{"percent": 20, "min_s": 0, "min_requests": 50}], "deadline_s": 300}
ERRORS = {"signal": "errors", "tolerance": 0.03}
LATENCY = {"signal": "latency", "slower_than_ms": 2500, "tolerance": 0.03}


HARNESS = Path(__file__).resolve().parents[2]


def killed(kubeconfig: Path) -> threading.Thread:
    """Kill KServe's manager, and start it again eight seconds later."""
    pid = int((kubeconfig.parent / "pids" / "kserve-manager").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    command = [sys.executable, "-c", "from harness import serving; serving.kserve_manager()"]
    back = threading.Timer(8.0, subprocess.run, [command], {"cwd": HARNESS, "check": True, "timeout": 180})
    back.start()
    return back


def test_a_rollout_waits_for_kserve_where_its_manager_is_gone(lab: Lab, kubeconfig: Path) -> None:
    place = RouteRollouts(lab)
    assert place.roll_out(place.version()).phase == "promoted"
    version = place.version()
    # Before the challenger is made, and before the earlier champion is removed.
    absences = [killed(kubeconfig)]

    def again() -> None:
        absences[0].join()
        absences.append(killed(kubeconfig))

    place.at("all gates are satisfied", again)
    try:
        with Users(lab.router()) as users:
            record = place.roll_out(version, look_s=5, gates=[ERRORS], **STEPS)
    finally:
        for absence in absences:
            absence.join()
    ended(record, "promoted", "errors: ", final=True)
    place.serves(version)
    assert users.failed() == []


def changed(reply: Reply, change: Callable[[dict[str, Any]], None]) -> Reply:
    """The answer of Prometheus with each of its series changed."""
    content = json.loads(reply.content)
    for series in content["data"]["result"]:
        change(series)
    return Reply(reply.status, content, reply.headers)


def older(series: dict[str, Any]) -> None:
    series["values"] = [[at - 200, value] for at, value in series["values"]]


def not_a_number(series: dict[str, Any]) -> None:
    series["values"] = [[at, "NaN"] for at, _ in series["values"]]


def in_microseconds(series: dict[str, Any]) -> None:
    edge = series["metric"].get("le", "+Inf")
    series["metric"] |= {"le": str(float(edge) * 1000)} if edge != "+Inf" else {}


NONSENSE: list[tuple[Callable[[Forward], Reply], str]] = [
    (lambda _: DROP, "Prometheus at .* expected an answer within 3 attempts, got no answer"),
    (lambda _: Reply(503, b"starting"), "expected an answer within 3 attempts, got status 503"),
    (lambda _: Reply(200, b"<html>"), "expected samples over time"),
    (lambda forward: changed(forward(), older), r"its last sample is \d+ s old"),
    (lambda forward: changed(forward(), not_a_number), "is nan"),
    (lambda forward: changed(forward(), in_microseconds), "read in ms: that is not its unit"),
    (
        lambda _: Reply(200, {"status": "success", "data": {"resultType": "matrix", "result": []}}),
        "Prometheus has no series of it",
    ),
]


def test_whatever_is_wrong_with_the_metrics_is_no_evidence(lab: Lab) -> None:
    place = RouteRollouts(lab)
    assert place.roll_out(place.version()).phase == "promoted"
    version = place.version()
    told = iter([*NONSENSE, (lambda forward: forward(), "")])
    answer, said = next(told)

    def go_on() -> None:
        nonlocal answer, said
        line = place.lines[-1]
        if said:
            assert ": errors - / - (" in line, line
        if said and re.search(said, line):
            answer, said = next(told)
        place.at(FIRST_LOOK, go_on)

    place.at(FIRST_LOOK, go_on)
    with relaying(PROMETHEUS, lambda _, forward: answer(forward)) as wire, Users(lab.router()) as users:
        record = place.roll_out(version, route={"prometheus": wire.address}, look_s=1, gates=[ERRORS, LATENCY], **STEPS)
    assert said == "", said
    ended(record, "promoted", "errors: ", final=True)
    place.serves(version)
    assert users.failed() == []


def test_a_rollout_ends_well_though_the_api_server_loses_answers(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RouteRollouts(lab)
    assert place.roll_out(place.version()).phase == "promoted"
    version = place.version()
    config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    cluster = config["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    reads, writes = itertools.count(), itertools.count()
    slow = Reply(429, {"kind": "Status", "message": "slowly"}, {"Retry-After": "1"})
    broken = Reply(500, {"kind": "Status", "message": "etcd is gone"})
    seen: list[str] = []

    def answer(asked: Asked, forward: Forward) -> Reply:
        if asked.method == "GET":
            return [DROP, broken][next(reads) // 11 % 2] if next(reads) % 11 == 0 else forward()
        fault = next(writes) % 5
        if fault == 0:
            # Applied, and its answer is lost.
            forward()
            seen.append(f"lost {asked.method}")
            return DROP
        if fault in (1, 2):
            seen.append(f"{(slow, broken)[fault - 1].status} {asked.method}")
            return (slow, broken)[fault - 1]
        return forward()

    with relaying(cluster["server"], answer, trust=trust) as wire, Users(lab.router()) as users:
        config["clusters"][0]["cluster"] = {"server": wire.address}
        file = tmp_path / "relayed"
        file.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(file))
        record = place.roll_out(version, look_s=5, gates=[ERRORS], **STEPS)
    ended(record, "promoted", "errors: ", final=True)
    place.serves(version)
    assert users.failed() == []
    assert {"lost PATCH", "lost POST", "lost DELETE"} & {*seen}, seen
