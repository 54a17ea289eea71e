"""trigger_run on the wires of Kubeflow Pipelines and of Kubernetes: what starts a run, what keeps it, what is told."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from builders import models, pipelines, triggers
from builders.kubeflow import Kubeflow
from builders.wire import Asked, Reply, serving
from foldline.artifacts import Decision
from foldline.errors import ArgumentError, ArtifactError, ClusterError, RunError
from foldline.operations.trigger_run.run import run
from foldline.serving.deploy_canary.rollout.record import PROMOTED, SHIFTING, Record
from foldline.store import open_store
from foldline_pipelines.local import environments

ARGUMENTS = {"dataset_uri": "s3://tables/flights.parquet"}
ABSENT = {
    "kind": "Status",
    "code": 404,
    "reason": "NotFound",
    "message": "not found",
    "details": {"name": "foldline-rollout-late", "kind": "configmaps"},
}


DENIED = {
    "kind": "Status",
    "code": 403,
    "reason": "Forbidden",
    "message": 'User "system:serviceaccount:team:pipeline-runner" cannot get resource "configmaps" in API group ""',
    "details": {"name": "foldline-rollout-late", "kind": "configmaps"},
}


@dataclass
class Watch:
    """A model with a champion, its namespace, and the watchers' state.

    Attributes:
        rollout: what the namespace remembers of the model's rollouts.
        status: of the answer to who asks for it.
    """

    folder: Path
    version: str
    rollout: Record | None = None
    status: int = 200
    metrics: dict[str, float] = field(default_factory=dict)

    def answers(self, asked: Asked) -> Reply:
        assert asked.path == "/api/v1/namespaces/team/configmaps/foldline-rollout-late", asked
        if self.status != 200:
            return Reply(self.status, DENIED)
        if self.rollout is None:
            return Reply(404, ABSENT)
        metadata = {"name": "foldline-rollout-late", "namespace": "team"}
        return Reply(content={"metadata": metadata, "data": {"record": json.dumps(self.rollout.to_json())}})

    def trigger(
        self,
        drift: Decision | None = None,
        validation: Decision | None = None,
        until: str = "2013-07-21",
        **changed: Any,
    ) -> Decision:
        """Run the component; the decision that it wrote."""
        here = self.folder / f"task-{len(list(self.folder.glob('task-*')))}"
        here.mkdir()
        (validation or triggers.validation()).write(here / "validation")
        (drift or triggers.drift(version=self.version)).write(here / "drift")
        triggers.monitoring().write(here / "monitoring")
        triggers.window(here / "window", unlabelled=10)
        given: dict[str, Any] = {
            "store_uri": str(self.folder / "store"),
            "model_name": "late",
            "state_uri": str(self.folder / "state"),
            "time_end": "",
            "pipeline": triggers.PIPELINE,
            "version": "",
            "arguments": ARGUMENTS,
            "policy": {},
            "alerts": {},
            "backend": "auto",
            "endpoint": "",
            "namespace": "kubeflow",
            "serving_namespace": "",
            "timeout_s": 60.0,
        }
        inputs = {name: str(here / name) for name in ("validation", "drift", "monitoring", "window")}
        described: dict[str, Any] = {}
        run(
            **inputs,
            decision=str(here / "decision"),
            report=str(here / "report.html"),
            until=until,
            log_metric=self.metrics.__setitem__,
            describe=described.update,
            **(given | changed),
        )
        made = Decision.read(here / "decision")
        assert described["verdict"] == made.verdict
        assert made.reasons[0] in (here / "report.html").read_text().replace("&#x27;", "'")
        return made


@pytest.fixture
def watch(server: Kubeflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    store = open_store(str(tmp_path / "store"))
    version = store.register("late", models.unloadable(tmp_path / "model").path)
    store.set_alias("late", "champion", version, expected=None)
    made = Watch(tmp_path, version)
    for name in ("KUBERNETES_SERVICE_HOST", "FOLDLINE_COMMAND", "FOLDLINE_RUN_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    with serving(made.answers) as wire:
        monkeypatch.setenv("KUBECONFIG", str(wire.kubeconfig(tmp_path / "kubeconfig")))
        yield made


def refusing(decision: Decision) -> list[str]:
    assert decision.verdict == "not started"
    return [guard["name"] for guard in decision.figures["guards"] if not guard["passes"]]


def rollout(phase: str, ago_s: float) -> Record:
    at = time.time() - ago_s
    return Record("0" * 12, "late", "challenger00", "champion0000", {}, at, at, phase=phase, seen_at=at)


def test_drift_starts_one_run_of_the_newest_version_on_the_newest_data(watch: Watch, server: Kubeflow) -> None:
    decision = watch.trigger()
    (started,) = server.runs.values()
    assert decision.verdict == "started"
    assert decision.reasons[0] == f"Run {started['display_name']} is started."
    assert started["runtime_config"]["parameters"] == {
        **ARGUMENTS,
        "store_uri": str(watch.folder / "store"),
        "model_name": "late",
        "time_end": "2013-07-21T00:00:00.000001",
    }
    assert started["pipeline_version_reference"]["pipeline_version_id"] == f"{triggers.PIPELINE}-second"
    assert decision.figures["version"] == "second"
    assert decision.figures["run"]["address"].endswith(f"/#/runs/details/{started['run_id']}")
    assert all(guard["passes"] for guard in decision.figures["guards"])
    assert watch.metrics == {
        "started": 1.0,
        "reasons": 1.0,
        "new_labelled_rows": 200.0,
        "new_labelled_days": pytest.approx(20.0),
    }


def test_the_same_event_starts_no_second_run_however_often_it_is_seen(watch: Watch, server: Kubeflow) -> None:
    first = watch.trigger()
    for until in ("2013-07-22", "2013-09-01"):
        again = watch.trigger(until=until)
        assert refusing(again)[0] == "started before"
        assert first.figures["run"]["name"] in again.reasons[0]
        assert again.figures["run"]["id"] == first.figures["run"]["id"]
    assert len(server.runs) == 1


@pytest.mark.parametrize("verdict", ["no drift", "not enough data"])
def test_without_a_reason_nothing_is_asked_and_the_decision_says_so(
    verdict: str, watch: Watch, server: Kubeflow
) -> None:
    server.refuse = (503, '{"message": "down"}')
    decision = watch.trigger(triggers.drift(verdict, version=watch.version))
    assert decision.verdict == "not started"
    assert decision.reasons == ("No run starts: nothing is a reason for one.",)
    assert [guard["name"] for guard in decision.figures["guards"]] == ["data fault"]
    assert server.runs == {}


@pytest.mark.parametrize(("validation", "drift"), [("fail", "drift"), ("pass", "fault")])
def test_faulty_data_start_nothing_and_alert_once(
    validation: str, drift: str, watch: Watch, server: Kubeflow, capfd: pytest.CaptureFixture[str]
) -> None:
    given = {"drift": triggers.drift(drift, version=watch.version), "validation": triggers.validation(validation)}
    first, second = (watch.trigger(**given, until=until) for until in ("2013-07-21", "2013-07-21T01:00"))
    assert refusing(first) == ["data fault"]
    assert [alert["key"] for alert in first.figures["alerts"]] == ["data-fault"]
    assert [one["outcome"] for one in (first.figures["deliveries"] + second.figures["deliveries"])] == [
        "sent",
        "said before",
    ]
    assert capfd.readouterr().out.count("alert data-fault (critical)") == 1
    assert server.runs == {}


@pytest.mark.parametrize(
    ("under_way", "refused"),
    [
        ({"state": "RUNNING"}, True),
        ({"state": None}, True),
        ({"state": "SUCCEEDED"}, False),
        ({"state": "CANCELING"}, False),
        ({"state": "RUNNING", "pipeline_version_reference": {"pipeline_id": "another"}}, False),
        ({"state": "RUNNING", "created_at": "2020-01-01T00:00:00Z"}, False),
    ],
)
def test_none_starts_while_a_run_of_the_pipeline_is_under_way(
    under_way: dict[str, Any], refused: bool, watch: Watch, server: Kubeflow
) -> None:
    server.page = 2
    reference = {"pipeline_id": f"id-{triggers.PIPELINE}"}
    for number in range(5):
        server._keep(server.runs, "run_id", {"display_name": f"ended {number}", "state": "SUCCEEDED"})
    given = {"display_name": "by hand", "pipeline_version_reference": reference, **under_way}
    server._keep(server.runs, "run_id", given)
    decision = watch.trigger()
    assert (decision.verdict == "not started") is refused
    if refused:
        assert refusing(decision) == ["run under way"]
        assert "Run by hand of train-and-serve is under way" in decision.reasons[0]
    assert len(server.runs) == (6 if refused else 7)


@pytest.mark.parametrize(
    ("phase", "ago_s", "refused"), [(SHIFTING, 60.0, True), (PROMOTED, 60.0, False), (SHIFTING, 8 * 86400.0, False)]
)
def test_none_starts_while_the_model_is_rolled_out(
    phase: str, ago_s: float, refused: bool, watch: Watch, server: Kubeflow
) -> None:
    watch.rollout = rollout(phase, ago_s)
    decision = watch.trigger()
    assert (decision.verdict == "not started") is refused
    if refused:
        assert refusing(decision) == ["rollout under way"]
        assert "The rollout of challenger00 is shifting" in decision.reasons[0]


def test_a_rollout_that_may_not_be_read_is_an_error_and_never_none(watch: Watch, server: Kubeflow) -> None:
    watch.status = 403
    with pytest.raises(ClusterError, match="foldline-rollouts"):
        watch.trigger()
    assert server.runs == {}


def test_a_champion_that_has_changed_is_not_trained_again_for_its_predecessors_drift(
    watch: Watch, server: Kubeflow
) -> None:
    decision = watch.trigger(triggers.drift(version="ba9876543210"))
    assert refusing(decision) == ["champion"]
    assert f"the champion is {watch.version} now" in decision.reasons[0]
    assert server.runs == {}


def test_starts_are_apart_and_few_and_a_spent_budget_alerts(watch: Watch, server: Kubeflow) -> None:
    def event(day: str, **changed: Any) -> Decision:
        for started in server.runs.values():
            started["state"] = "SUCCEEDED"
        return watch.trigger(triggers.drift(onset=day, version=watch.version), until=day, **changed)

    policy = {"cooldown": "3d", "monthly_budget": 2.0}
    assert event("2013-07-01", policy=policy).verdict == "started"
    assert refusing(event("2013-07-03", policy=policy)) == ["cool-down"]
    assert event("2013-07-04", policy=policy).verdict == "started"
    spent = event("2013-07-20", policy=policy)
    assert refusing(spent) == ["budget"]
    assert spent.reasons[0] == "No run starts. 2 of 2 starts within 30 days are used."
    assert [alert["key"] for alert in spent.figures["alerts"]] == ["budget"]
    assert event("2013-08-01", policy=policy).verdict == "started"
    starts = event("2013-08-02").figures["starts"]
    assert [one["at"][:10] for one in starts] == ["2013-07-01", "2013-07-04", "2013-08-01"]


def test_one_run_answers_all_reasons_that_hold(watch: Watch, server: Kubeflow) -> None:
    policy = {"new_rows": 100, "new_days": 20}
    decision = watch.trigger(policy=policy)
    assert [reason["kind"] for reason in decision.figures["reasons"]] == ["drift", "new-rows", "new-days"]
    quiet = triggers.drift("no drift", version=watch.version)
    assert refusing(watch.trigger(quiet, policy=policy, until="2013-09-01"))[0] == "started before"
    assert len(server.runs) == 1


def test_new_labelled_rows_alone_start_a_run_and_again_when_there_are_as_many_more(
    watch: Watch, server: Kubeflow
) -> None:
    quiet = triggers.drift("no drift", version=watch.version)
    started = watch.trigger(quiet, policy={"new_rows": 150})
    assert started.verdict == "started"
    assert "new-rows" in started.figures["run"]["name"]
    for one in server.runs.values():
        one["state"] = "FAILED"
    assert watch.trigger(quiet, policy={"new_rows": 100}, until="2013-09-01").verdict == "started"


def test_a_task_of_a_local_run_starts_a_local_run_and_waits_for_it(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "runs"
    monkeypatch.setenv("FOLDLINE_COMMAND", f"{environments.interpreter('local')} -m foldline_pipelines.cli")
    monkeypatch.setenv("FOLDLINE_RUN_FOLDER", str(here / "watch-drift"))
    given: dict[str, Any] = {"pipeline": str(pipelines.compiled(tmp_path, pipelines.retrain)), "arguments": {}}
    decision = watch.trigger(**given)
    assert decision.verdict == "started"
    assert (decision.figures["backend"], decision.figures["run"]["state"]) == ("local", "succeeded")
    (folder,) = here.iterdir()
    assert folder.name == decision.figures["run"]["name"]
    record = json.loads((folder / "run.json").read_text())
    assert record["parameters"]["time_end"] == decision.figures["time_end"]
    assert refusing(watch.trigger(**given))[0] == "started before"
    # As a machine leaves it that lost its power.
    (folder / "run.json").write_text(json.dumps(record | {"state": "running"}))
    again = watch.trigger(**given)
    assert again.reasons[0] == f"Run {folder.name} is taken up, which a task that died had started."
    assert again.figures["run"]["state"] == "succeeded"
    assert [one.name for one in here.iterdir()] == [folder.name]


def test_a_local_run_that_fails_fails_the_task_and_the_decision_says_it(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDLINE_COMMAND", f"{environments.interpreter('local')} -m foldline_pipelines.cli")
    monkeypatch.setenv("FOLDLINE_RUN_FOLDER", str(tmp_path / "runs" / "watch-drift"))
    given: dict[str, Any] = {"pipeline": str(pipelines.compiled(tmp_path, pipelines.retrain))}
    with pytest.raises(RunError, match="expected its success, got failed: Task use failed: ValueError: negative"):
        watch.trigger(**given, arguments={"megabytes": -1})
    decision = Decision.read(tmp_path / "task-0" / "decision")
    assert decision.verdict == "started"
    assert "Task use failed: ValueError: negative count" in decision.reasons[1]
    assert refusing(watch.trigger(**given, arguments={}))[0] == "started before"


def test_the_pinned_version_runs_and_not_a_newer_one(watch: Watch, server: Kubeflow) -> None:
    assert watch.trigger(version="first").figures["version"] == "first"
    (started,) = server.runs.values()
    assert started["pipeline_version_reference"]["pipeline_version_id"] == f"{triggers.PIPELINE}-first"


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"version": "third"},
            RunError,
            r"pipeline version/train-and-serve third: expected a version of this name, got none. There are: second, f",
        ),
        (
            {"pipeline": "other"},
            RunError,
            r"pipeline/other: expected a pipeline of this name, got none. There are: train-and-serve\. Upload it",
        ),
        ({"arguments": {"rows": 3}}, RunError, "parameter rows provided is not required by pipeline"),
        ({"arguments": {"time_end": "2013"}}, ArgumentError, r"arguments\.time_end: expected nothing"),
        ({"policy": {"days": 1}}, ArgumentError, "policy: expected no keys but"),
        ({"alerts": {"sink": 1}}, ArgumentError, "alerts: expected no keys but"),
        ({"backend": "argo"}, ArgumentError, "backend: expected auto, kubeflow or local, got 'argo'"),
        ({"backend": "local"}, ArgumentError, "environment variable FOLDLINE_COMMAND"),
        ({"model_name": "../late"}, ArgumentError, "model_name: expected 1 to 63 letters"),
        ({"state_uri": ""}, ArgumentError, "state_uri: expected a folder"),
        ({"until": "soon"}, ArgumentError, "until: expected a time in ISO 8601"),
        ({"drift": triggers.validation()}, ArtifactError, "field subject of .*drift: expected 'drift', got 'validat"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    changed: dict[str, Any], error: type[Exception], message: str, watch: Watch, server: Kubeflow
) -> None:
    with pytest.raises(error, match=message):
        watch.trigger(**changed)
    assert server.runs == {}


def test_where_kubeflow_has_users_the_runs_are_in_the_namespace(watch: Watch, server: Kubeflow) -> None:
    server.multi_user = True
    with pytest.raises(ArgumentError, match="namespace: expected a namespace of yours"):
        watch.trigger()
    assert watch.trigger(namespace="team-a").verdict == "started"
    assert [one["namespace"] for one in server.experiments.values()] == ["team-a"]
