"""The Experiment on a real API server with Katib's kinds and no Katib: these tests write what its controller would."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.custom_resources import crd, eventually
from builders.roles import ROLES, Rule, granted
from foldline.cluster import Cluster, connect
from foldline.errors import ClusterError
from foldline.training.search.capabilities import KATIB, check
from foldline.training.search.definition import Definition
from foldline.training.tune_on_katib.experiment import experiment
from foldline.training.tune_on_katib.katib import Experiment
from foldline.training.tune_on_katib.options import Options, Placement
from foldline.training.tune_on_katib.words import words_of

GROUP, ROLE = "kubeflow.org", "foldline-katib"
OF_IT = {"katib.kubeflow.org/experiment": "search-1"}
Kubectl = Callable[..., str]
Json = dict[str, Any]


def completing(plural: str, kind: str) -> Json:
    """A kind whose Experiments come back with a default, as from Katib's webhook."""
    made = crd(GROUP, plural, kind)
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    filled = {**anything, "properties": {"successCondition": {"type": "string", "default": "complete"}}}
    spec = {**anything, "properties": {"trialTemplate": filled}}
    made["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {**anything, "properties": {"spec": spec}}
    return made


@pytest.fixture(scope="module")
def katib(kubectl: Kubectl) -> Iterator[None]:
    """Katib's kinds; a cluster with a Katib of its own is left alone."""
    without_katib(kubectl)
    rest = (crd(GROUP, "trials", "Trial"), crd(GROUP, "suggestions", "Suggestion"))
    made = [completing("experiments", "Experiment"), *rest]
    for one in made:
        kubectl("create", "--filename=-", given=json.dumps(one))
        kubectl("wait", "--for=condition=Established", f"crd/{one['metadata']['name']}", "--timeout=60s")
    yield
    for one in made:
        kubectl("delete", "--filename=-", "--wait=true", given=json.dumps(one))


def without_katib(kubectl: Kubectl) -> None:
    if f"experiments.{GROUP}" in kubectl("get", "crd", "--output=name"):
        pytest.skip("this cluster has Katib: tests/kubeflow looks at searches on a real one")


@pytest.fixture
def inside(kubectl: Kubectl, namespace: str) -> Kubectl:
    return lambda *words, given=None: kubectl(
        f"--namespace={namespace}", *words, given=None if given is None else json.dumps(given)
    )


@pytest.fixture
def runner(inside: Kubectl, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The account of the pipelines, with the Role foldline-katib and no other."""
    inside("create", "serviceaccount", "pipeline-runner")
    inside("apply", f"--filename={ROLES}")
    bound = f"--serviceaccount={namespace}:pipeline-runner"
    inside("create", "rolebinding", "runner", f"--role={ROLE}", bound)
    config = json.loads(inside("config", "view", "--raw", "--output=json"))
    token = inside("create", "token", "pipeline-runner", "--duration=1h").strip()
    context = {"cluster": config["clusters"][0]["name"], "user": "runner", "namespace": namespace}
    config |= {
        "users": [{"name": "runner", "user": {"token": token}}],
        "contexts": [{"name": "r", "context": context}],
        "current-context": "r",
    }
    (tmp_path / "runner").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "runner"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return connect(capability="katib")


def engine(cluster: Cluster, namespace: str, seed: int = 0, said: list[str] | None = None) -> Experiment:
    document = {"space": {"dropout": {"type": "float", "low": 0.0, "high": 0.5}}, "seed": seed,
                "objective": {"metric": "roc_auc"}}  # fmt: skip
    definition = check(Definition.parse(document), KATIB)
    body = experiment("search-1", "s3://b/search-1", definition, Options(), Placement())
    words = words_of(definition.space, definition.algorithm.name)
    return Experiment(cluster, namespace, body, words, 60.0, [].append if said is None else said.append)


def trial(name: str, **holding: str) -> Json:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "Trial",
        "metadata": {"name": name, "labels": OF_IT},
        "spec": {"parameterAssignments": [{"name": "dropout", "value": "0.25"}]},
        "status": {"conditions": [{"type": kind, "status": "True", "message": said} for kind, said in holding.items()]},
    }


def test_a_cluster_without_katib_is_told(kubectl: Kubectl, runner: Cluster, namespace: str) -> None:
    without_katib(kubectl)
    with pytest.raises(ClusterError, match=r"API kubeflow\.org/v1beta1 .*which Katib brings"):
        engine(runner, namespace).start()


@pytest.mark.usefixtures("katib")
def test_an_experiment_is_made_once_and_taken_up_by_the_same_search_only(
    runner: Cluster, namespace: str, inside: Kubectl
) -> None:
    said: list[str] = []
    engine(runner, namespace, said=said).start()
    made = json.loads(inside("get", "experiment", "search-1", "--output=json"))
    assert engine(runner, namespace, said=said).start() >= 0.0
    assert [line.split(" experiment")[0] for line in said] == ["made", "going on with"]
    again = json.loads(inside("get", "experiment", "search-1", "--output=json"))
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    with pytest.raises(ClusterError, match=r"experiment/search-1 .*one of another search .*kubectl delete experiment"):
        engine(runner, namespace, seed=1).start()


@pytest.mark.usefixtures("katib")
def test_trials_are_seen_and_those_that_run_are_ended(runner: Cluster, namespace: str, inside: Kubectl) -> None:
    search = engine(runner, namespace)
    search.start()
    status = {"status": {"conditions": [{"type": "Running", "status": "True"}]}}
    inside("patch", "experiment", "search-1", "--type=merge", f"--patch={json.dumps(status)}")
    inside("create", "--filename=-", given=trial("search-1-a", Succeeded=""))
    inside("create", "--filename=-", given=trial("search-1-b", Running=""))
    sight = search.look()
    assert [(one.name, one.over, one.parameters) for one in sight.trials] == [
        ("search-1-a", True, {"dropout": 0.25}), ("search-1-b", False, {"dropout": 0.25})
    ]  # fmt: skip
    assert (sight.ended, sight.at_work) == ("", 0)
    assert sight.trouble is not None
    assert sight.trouble.words == "Katib has made no Suggestion for the Experiment"
    search.end_trials()
    assert [one.name for one in search.look().trials] == ["search-1-a"]
    search.remove()
    search.remove()
    with pytest.raises(ClusterError, match="somebody deleted it"):
        search.look()


def asked_of(search: Experiment) -> None:
    """Everything that the Role is for."""
    search.start()
    search.look()
    search.end_trials()
    search.remove()


# Only a trial that ended badly has its log read: tests/kubeflow look at that with real pods.
UNASKED = [("get", "pods/log")]


@pytest.mark.usefixtures("katib")
@pytest.mark.parametrize(
    "rule",
    [rule for rule in granted(ROLE) if (rule.verb, rule.path) not in UNASKED],
    ids=lambda rule: f"{rule.verb}-{rule.path}",
)
def test_a_permission_that_is_missing_is_named_with_its_account_and_role(
    runner: Cluster, namespace: str, inside: Kubectl, rule: Rule
) -> None:
    rules = [one for one in granted(ROLE) if one != rule]
    role = json.loads(inside("get", "role", ROLE, "--output=json"))
    role["rules"] = [{"apiGroups": [one.group], "resources": [one.path], "verbs": [one.verb]} for one in rules]
    inside("replace", "--filename=-", given=role)
    asked = {"namespace": namespace, "verb": rule.verb, "group": rule.group, "resource": rule.path}
    user = f"system:serviceaccount:{namespace}:pipeline-runner"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": asked},
    }

    def allowed() -> bool:
        answered = json.loads(inside("create", "--filename=-", "--output=json", given=review))
        return bool(answered["status"]["allowed"])

    eventually(allowed, False)
    inside("create", "--filename=-", given=trial("search-1-b", Running=""))
    pattern = rf"permission to {rule.verb} {re.escape(rule.what)} in namespace {namespace}: .*Apply the Role {ROLE}"
    with pytest.raises(ClusterError, match=pattern):
        asked_of(engine(runner, namespace))


@pytest.mark.usefixtures("katib")
def test_a_cluster_without_katibs_webhook_is_told(
    kubectl: Kubectl, runner: Cluster, namespace: str, inside: Kubectl
) -> None:
    default = "/spec/versions/0/schema/openAPIV3Schema/properties"
    removed = json.dumps([{"op": "remove", "path": default}])
    kubectl("patch", "crd", f"experiments.{GROUP}", "--type=json", f"--patch={removed}")

    def told() -> bool:
        search = engine(runner, namespace)
        try:
            search.start()
        except ClusterError as fault:
            return fault.what == "webhook of Katib" and "katib-controller runs" in fault.fix
        search.remove()
        return False

    eventually(told, True)
    assert not json.loads(inside("get", "experiments", "--output=json"))["items"]
