"""What two arms say to one request, and what becomes of it: the real server on a real Gateway and on Knative."""

import json
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models
from builders.feedback import Told
from builders.knative_lab import KnativeLab
from builders.route_lab import GATEWAY, PROMETHEUS, READY_S, Lab, Users
from builders.serving_site import Json, Kubectl, Site
from foldline.artifacts import Dataset, Decision, Model
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ArgumentError, ServingError
from foldline.predictor import Predictor
from foldline.serving.deploy_canary import smoke
from foldline.serving.deploy_canary.backends.route.split import Revision
from foldline.serving.deploy_canary.mirrored.comparing import Comparing
from foldline.serving.deploy_canary.mirrored.pairs import same_class
from foldline.serving.requests import ask
from foldline.store import open_store, version_of

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1200)]

ERRORS = {"signal": "errors", "tolerance": 0.05}
AGREEMENT = {"signal": "disagreement", "tolerance": 0.05}
SIGMA = 4.0


def settings(backend: str, **policy: Any) -> dict[str, Any]:
    route = {"prometheus": PROMETHEUS, **({"gateway": GATEWAY} if backend == "route" else {})}
    steps = [{"percent": 50, "min_s": 0, "min_requests": 20}]
    stated = {"gates": [ERRORS], "steps": steps, "look_s": 3, "deadline_s": 600, **policy}
    return {"backend": backend, "route": route, "policy": stated, "timeout_s": READY_S}


@pytest.fixture
def rows(dataset: Dataset) -> list[Json]:
    return smoke.records(dataset.table(), models.SIGNATURE)


@pytest.fixture
def lab(site: Site, kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """With the real model server, behind a route unless the test names Knative."""
    made = {"route": Lab, "knative": KnativeLab}[getattr(request, "param", "route")](site, kubectl)
    yield made
    made.close()


def users(lab: Lab, rows: list[Json]) -> Users:
    return lab.users(rate=60, rows=rows) if isinstance(lab, KnativeLab) else Users(lab.router(), rate=60, rows=rows)


@pytest.fixture
def told(site: Site, tmp_path: Path) -> Iterator[Told]:
    """The request logs of the site's servers, which post them to this machine."""
    made, lock = Told(tmp_path), threading.Lock()
    made.log.mkdir()

    class Taking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            event = self.rfile.read(int(self.headers["Content-Length"]))
            with lock, (made.log / "events.jsonl").open("ab") as file:
                file.write(event + b"\n")
            self.send_response(204)
            self.end_headers()

    (node,) = json.loads(site.kubectl("get", "nodes", "--output=json"))["items"]
    address = next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
    taking = ThreadingHTTPServer((address, 0), Taking)
    thread = threading.Thread(target=taking.serve_forever)
    thread.start()
    site.runtime(lambda container: container["args"].append(f"--log-to=http://{address}:{taking.server_port}/"))
    yield made
    taking.shutdown()
    thread.join()
    taking.server_close()


def test_copies_through_the_gateway_are_compared_over_all_pods_at_their_true_rate(
    lab: Lab, dataset: Dataset, old: Model, made: Path, rows: list[Json]
) -> None:
    other = models.model(made / "other", [1, 2], weight=1.0, bias=0.3)
    table = dataset.table()
    before, after = (Predictor(one).predict(tensors_from_table(table, one.signature))[:, 0] for one in (old, other))
    rate = float(((before >= 0.5) != (after >= 0.5)).mean())
    assert 0.03 < rate < 0.9
    store = open_store(lab.site.store_uri)
    versions = [store.register("late", one.path) for one in (old, other)]
    first, second = (Revision(version, store.location("late", version)) for version in versions)
    serving = lab.split(None, first, minReplicas=2)
    serving.start().wait_ready(READY_S)
    serving.promote().wait_ready(READY_S)
    split = lab.split(first, second, minReplicas=2)
    assert split.servers()[1] == []
    split.start().wait_ready(READY_S)
    split.mirror(50)
    deadline = time.monotonic() + READY_S
    while [len(servers) for servers in split.servers()] != [2, 2]:
        assert time.monotonic() < deadline, split.servers()
        time.sleep(1.0)
    comparing = Comparing(split.servers, same_class)
    with users(lab, rows) as asking:
        deadline = time.monotonic() + 300
        while ((reading := comparing.extended(split.read())).compared or 0) < 500 or reading.problem:
            assert time.monotonic() < deadline, reading
            time.sleep(1.0)
    assert asking.failed() == []
    assert (split.percent(), set(asking.shares())) == (0.0, {f"late-{first.version}"})
    assert reading.compared is not None
    assert reading.disagreeing is not None
    spread = SIGMA * math.sqrt(rate * (1 - rate) / reading.compared)
    assert abs(reading.disagreeing / reading.compared - rate) <= spread
    router = lab.router()
    entry = router.gateway.address, router.gateway.port
    told = ask(*entry, "GET", "/answers?after=0", asked_host=router.hostname)
    assert told.status == 404, "what others were told is not for users"
    (address, port), _ = split.servers()[0]
    assert ask(address, port, "GET", "/answers?after=0").status == 200


def test_a_challenger_that_agrees_on_copies_is_promoted_and_in_mode_shadow_never(
    lab: Lab, old: Model, made: Path, rows: list[Json]
) -> None:
    site, twin = lab.site, models.model(made / "twin", [1, 2], weight=0.5, name="twin")
    site.deploy(old, "first", **settings("route"))
    with users(lab, rows) as asking:
        shadow = site.deploy(twin, "shadow", **settings("route", mode="shadow", mirror_percent=50, gates=[AGREEMENT]))
        shadowed = asking.shares()
        assert (shadow.verdict, site.champion) == ("keep", version_of(old.digest))
        assert shadow.reasons[0] == "All gates are satisfied on copies of requests; mode shadow shifts none."
        promoted = site.deploy(twin, "promoted", **settings("route", mirror_percent=50, gates=[ERRORS, AGREEMENT]))
    assert set(shadowed) == {f"late-{version_of(old.digest)}"}
    assert asking.failed() == []
    assert (promoted.verdict, site.champion) == ("promote", version_of(twin.digest))
    for decision in (shadow, promoted):
        found = next(gate for gate in decision.figures["gates"] if gate["signal"] == "disagreement")
        assert (found["events"], found["satisfied"]) == (0, True)
        # No difference in fewer would leave 5 % possible.
        assert found["trials"] >= 50


@pytest.mark.parametrize("lab", ["route", "knative"], indirect=True)
def test_what_is_known_later_says_the_effect_and_takes_a_worse_model_back(
    lab: Lab, told: Told, old: Model, new: Model, made: Path, rows: list[Json]
) -> None:
    site, backend = lab.site, "knative" if isinstance(lab, KnativeLab) else "route"
    champion, challenger = version_of(old.digest), version_of(new.digest)
    site.deploy(old, "first", **settings(backend))
    if backend == "knative":
        copying = settings(backend, mode="shadow", mirror_percent=50, gates=[AGREEMENT])
        with pytest.raises(ArgumentError, match="expected 0 with backend knative, which copies no requests, got 50"):
            site.deploy(new, "copies", **copying)
    with users(lab, rows) as asking:
        comparison = settings(backend, mode="ab", ab_s=25, feedback=told.settings)
        unknown = site.deploy(new, "unknown", **comparison)
        assert (unknown.verdict, unknown.reasons[0]) == ("keep", "The split was held for 25 s.")
        assert "no interval: table" in unknown.reasons[1]
        answers = {one.request: one.served_by.removeprefix("late-") for one in asking.answers if one.status == 200}
        assert "" not in answers, "users know their requests by a header of the answers"
        assert set(answers.values()) == {champion, challenger}
        random = np.random.default_rng(1)
        told.tell({request: random.normal(5.0 * (by == challenger), 1.0) for request, by in answers.items()})
        again = site.deploy(new, "again", **comparison)
        effect = again.figures["effect"]
        counts = effect["rows_champion"], effect["rows_challenger"]
        print(f"{backend}: rows {counts}, {again.reasons[1]}")
        assert min(counts) > 0
        if min(counts) >= 200:
            assert abs(effect["difference"] - 5.0) < 1.5 * (effect["high"] - effect["low"]) < 1.0
        worse = models.model(made / f"worse-{backend}", [1, 2], weight=-1.5, name="worse")
        said = r"labels: the promoted model is wrong more often: beside each other \d+ of \d+, champion \d+ of \d+"
        with told.labels_arrive(), pytest.raises(ServingError, match=said):
            site.deploy(worse, "worse", **settings(backend, bake_s=800, feedback=told.settings))
    assert asking.failed() == []
    assert Decision.read(site.out / "worse" / "decision").verdict == "rollback"
    assert site.champion == champion
    assert [move.version for move in open_store(site.store_uri).history("late")][-2:] == [
        version_of(worse.digest),
        champion,
    ]
    serving = {f"late-{champion}": champion} if backend == "route" else {"late": champion}
    assert site.services() == serving
