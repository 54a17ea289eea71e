"""deploy_canary on KServe: what is made, in which order, and what is put back; KServe itself is at the wire only."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import canary, models, s3, wire
from builders.kserve_objects import crashed
from builders.kserve_wire import API, KServe
from builders.wire import Asked, Wire
from foldline.artifacts import Dataset, Decision, Model
from foldline.errors import ArgumentError, ClusterError, ServingError, StoreError
from foldline.predictor import Predictor
from foldline.serving.deploy_canary.backends import kserve_server
from foldline.store import open_store, version_of


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.server(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture(scope="module")
def old(place: Path) -> Model:
    return models.model(place / "old", [1, 2], weight=0.5)


class Site:
    """A bucket with nothing in it, KServe at the wire, and a champion where one is wanted."""

    def __init__(self, kserve: KServe, wire: Wire, dataset: Dataset, model: Model, out: Path, uri: str) -> None:
        self.kserve, self.wire, self.store = kserve, wire, open_store(uri)
        self._dataset, self._model, self._out, self._uri = dataset, model, out, uri
        self.new = self.location(model)

    def location(self, model: Model) -> str:
        return f"{self._uri}/late/versions/{version_of(model.digest)}"

    def crown(self, model: Model) -> str:
        """Make the model the champion that serves; its address."""
        version = self.store.register("late", model.path)
        self.store.set_alias("late", "champion", version, expected=None)
        self.kserve.put("late", self.location(model))
        return self.location(model)

    def deploy(self, name: str = "run", **changed: Any) -> Decision:
        settings = {"store_uri": self._uri, "backend": "kserve", "champion": self.champion or "", **changed}
        return canary.deploy(self._dataset, self._model, self._out / name, **settings)

    @property
    def champion(self) -> str | None:
        return self.store.alias("late", "champion")

    def steps(self) -> list[str]:
        """What was written, and who was asked for predictions, each once in a row."""
        said: list[str] = []
        for asked in self.wire.asked:
            name = asked.path.rpartition("/")[2].partition(":")[0]
            if asked.method == "POST" and asked.path == API:
                step = f"create {asked.content['metadata']['name']}"
            elif asked.method != "GET":
                step = f"{'ask' if asked.method == 'POST' else asked.method.lower()} {name}"
            else:
                continue
            said += [step] if said[-1:] != [step] else []
        return said


@pytest.fixture
def site(
    bucket: s3.S3, dataset: Dataset, model: Model, old: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    for variable, value in bucket.environment.items():
        monkeypatch.setenv(variable, value)
    name = f"b-{uuid.uuid4().hex[:12]}"
    bucket.make_bucket(name)
    uri = f"s3://{name}/store"
    kserve = KServe({})
    with wire.serving(kserve.answer) as started:
        made = Site(kserve, started, dataset, model, tmp_path, uri)
        kserve.models |= {made.location(one): Predictor(one) for one in (model, old)}
        kserve.address = started.address
        monkeypatch.setenv("KUBECONFIG", str(started.kubeconfig(tmp_path / "kubeconfig")))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        monkeypatch.setattr(kserve_server, "POLL_S", 0.01)
        yield made


def test_the_first_model_is_tried_apart_and_then_served(site: Site, tmp_path: Path) -> None:
    decision = site.deploy()
    assert decision.verdict == "promote"
    assert site.steps() == [
        "create late-challenger",
        "ask late-challenger",
        "delete late-challenger",
        "create late",
        "ask late",
    ]
    assert site.kserve.uri("late") == site.new
    assert "late-challenger" not in site.kserve.services
    assert decision.figures["served_inference_service"] == "late"
    assert decision.figures["served_namespace"] == "team"
    assert decision.figures["served_pods"].startswith("late-predictor-")
    assert (decision.figures["requests"], decision.figures["served_requests"]) == (10, 10)
    assert site.new in (tmp_path / "run" / "report.html").read_text()


def test_the_champion_serves_until_the_challenger_has_answered(site: Site, model: Model, old: Model) -> None:
    site.crown(old)
    assert site.deploy().verdict == "promote"
    assert site.steps() == [
        "create late-challenger",
        "ask late-challenger",
        "delete late-challenger",
        "patch late",
        "ask late",
    ]
    assert (site.kserve.uri("late"), site.champion) == (site.new, version_of(model.digest))


def test_a_second_run_asks_again_and_changes_nothing(site: Site) -> None:
    site.deploy()
    site.wire.asked.clear()
    again = site.deploy("again", champion="")
    assert (again.verdict, site.steps()) == ("promote", ["ask late"])


@pytest.mark.parametrize("fault", ["answers", "never loads"])
def test_a_challenger_that_fails_is_removed_and_the_champion_not_touched(site: Site, old: Model, fault: str) -> None:
    serving = site.crown(old)
    if fault == "answers":
        site.kserve.wrong.add("late-challenger")
    else:
        site.kserve.containers["late-challenger"] = crashed(3)
    with pytest.raises(ServingError) as raised:
        site.deploy()
    said = "status 500" if fault == "answers" else "3 times; container kserve-container last said: model.json: torn"
    assert said in str(raised.value)
    assert list(site.kserve.services) == ["late"]
    assert (site.kserve.uri("late"), site.champion) == (serving, version_of(old.digest))
    assert "patch late" not in site.steps()


@pytest.mark.parametrize("fault", ["answers", "never loads"])
def test_a_challenger_that_fails_in_the_champions_sitegives_it_back(site: Site, old: Model, fault: str) -> None:
    serving = site.crown(old)

    def give_way(asked: Asked) -> None:
        # The fault goes with the challenger.
        if site.kserve.uri("late") == serving:
            site.kserve.containers.clear()
            site.kserve.wrong.clear()
        elif fault == "answers":
            site.kserve.wrong.add("late")
        else:
            site.kserve.containers["late"] = crashed(3)

    site.kserve.before = give_way
    with pytest.raises(ServingError, match=r"1 wrong|10 wrong"):
        site.deploy()
    assert (site.kserve.uri("late"), site.champion) == (serving, version_of(old.digest))
    assert site.steps()[-1] == "patch late"


def test_a_first_model_that_fails_in_its_siteleaves_nothing(site: Site) -> None:
    site.kserve.wrong.add("late")
    with pytest.raises(ServingError):
        site.deploy()
    assert (site.kserve.services, site.champion) == ({}, None)


@pytest.mark.parametrize("name", ["late", "late-challenger"])
def test_an_inference_service_of_somebody_else_is_refused_and_left(site: Site, name: str, tmp_path: Path) -> None:
    site.kserve.put(name, "s3://elsewhere", labels={"app.kubernetes.io/managed-by": "helm"})
    with pytest.raises(ServingError, match=f"inferenceservice/{name} in namespace team: .*one that somebody else made"):
        site.deploy()
    assert (list(site.kserve.services), site.kserve.uri(name)) == ([name], "s3://elsewhere")
    assert Decision.read(tmp_path / "run" / "decision").verdict == "keep"


def test_what_a_killed_run_left_is_replaced(site: Site, old: Model) -> None:
    site.crown(old)
    site.kserve.put("late-challenger", "s3://left")
    site.kserve.put("late", site.new)
    assert site.deploy().verdict == "promote"
    assert site.steps()[:2] == ["delete late-challenger", "create late-challenger"]


def test_a_champion_that_a_killed_run_replaced_is_put_back_by_the_next_that_fails(site: Site, old: Model) -> None:
    serving = site.crown(old)
    site.kserve.put("late", site.new)
    site.kserve.wrong.add("late")
    with pytest.raises(ServingError, match="status 500"):
        site.deploy(timeout_s=0.5)
    assert site.kserve.uri("late") == serving


def test_a_champion_that_moved_meanwhile_keeps_its_server(site: Site, old: Model, tmp_path: Path) -> None:
    serving = site.crown(old)
    rival = site.store.register("late", models.unloadable(tmp_path / "rival").path)

    def interfere(asked: Asked) -> None:
        if asked.path == "/v1/models/late:predict":
            site.store.set_alias("late", "champion", rival, expected=version_of(old.digest))

    site.kserve.before = interfere
    with pytest.raises(StoreError, match="Somebody else moved it"):
        site.deploy()
    assert (site.kserve.uri("late"), site.champion) == (serving, rival)


@pytest.mark.parametrize("moment", ["POST late-challenger", "ask late-challenger", "PATCH late", "ask late"])
def test_sigterm_puts_everything_back(site: Site, old: Model, moment: str) -> None:
    serving = site.crown(old)

    def stop(asked: Asked) -> None:
        name = (
            asked.content["metadata"].get("name", "") if asked.path == API else asked.path.rpartition("/")[2]
        ).partition(":")[0]
        if moment in (f"{asked.method} {name}", f"ask {name}" if asked.path.startswith("/v1/") else ""):
            os.kill(os.getpid(), signal.SIGTERM)

    site.kserve.before = stop
    with pytest.raises(SystemExit) as ended:
        site.deploy()
    assert ended.value.code == 143
    assert list(site.kserve.services) == ["late"]
    assert (site.kserve.uri("late"), site.champion) == (serving, version_of(old.digest))


DENIED: list[tuple[str, str, bool]] = [
    ("get", "inferenceservices", True),
    ("create", "inferenceservices", True),
    ("patch", "inferenceservices", True),
    ("delete", "inferenceservices", False),
    ("list", "pods", True),
]


@pytest.mark.parametrize(("verb", "resource", "clean"), DENIED)
def test_a_missing_permission_is_named_and_the_champion_stays(
    site: Site, old: Model, verb: str, resource: str, clean: bool
) -> None:
    serving = site.crown(old)
    site.kserve.denied.add((verb, resource))
    group = ".serving.kserve.io" if resource == "inferenceservices" else ""
    said = f"permission to {verb} {resource}{group} in namespace team: expected granted to service account team/"
    with pytest.raises(ClusterError, match=said):
        site.deploy()
    assert (site.kserve.uri("late"), site.champion) == (serving, version_of(old.digest))
    assert ("late-challenger" not in site.kserve.services) is clean


def test_a_log_that_may_not_be_read_does_not_hide_the_fault(site: Site) -> None:
    site.kserve.containers["late-challenger"] = crashed(3)
    site.kserve.denied.add(("get", "pods/log"))
    with pytest.raises(ServingError, match=r"3 times; its log cannot be read: permission to get pods/log"):
        site.deploy()


def test_a_folder_is_refused_before_anything_is_done(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="store_uri: expected a bucket"):
        site.deploy(store_uri=str(tmp_path / "store"))
    assert site.wire.asked == []
