"""The Experiment and the Job of its trials: what stands in them, and what never does."""

import json
import re
from typing import Any

import pytest

from builders.searches import SPACE
from foldline.errors import ArgumentError
from foldline.training.search.capabilities import KATIB, check
from foldline.training.search.definition import Definition
from foldline.training.tune_on_katib.experiment import DIGEST, experiment, experiment_name
from foldline.training.tune_on_katib.options import Options, Placement, check_state

FOLDER = "s3://bucket/state/search-1"
FLAT = {name: content for name, content in SPACE.items() if "when" not in content}
NUMBERS = {name: content for name, content in FLAT.items() if content["type"] != "choice"}


def built(options: dict[str, Any] | None = None, placement: Placement | None = None, **fields: Any) -> dict[str, Any]:
    document = {"space": FLAT, "objective": {"metric": "roc_auc"}} | fields
    definition = check(Definition.parse(document), KATIB)
    return experiment("search-1", FOLDER, definition, Options.parse(options or {}), placement or Placement())


def trial_pod(found: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = found["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]
    return template


def test_the_latest_score_counts_and_not_the_luckiest() -> None:
    objective = built(objective={"metric": "log_loss"})["spec"]["objective"]
    assert objective == {
        "type": "minimize",
        "objectiveMetricName": "score",
        "metricStrategies": [{"name": "score", "value": "latest"}],
    }
    assert built(objective={"metric": "roc_auc", "goal": 0.9})["spec"]["objective"]["goal"] == 0.9


@pytest.mark.parametrize(
    ("algorithm", "space", "seed", "settings"),
    [
        ({"name": "random"}, FLAT, 7, {"random_state": "7"}),
        ({"name": "tpe", "gamma": 0.3, "candidates": 12}, FLAT, 0,
         {"gamma": "0.3", "n_EI_candidates": "12", "random_state": "0"}),
        ({"name": "multivariate-tpe", "startup_trials": 5, "candidates": 12.0}, FLAT, 1,
         {"n_startup_trials": "5", "n_ei_candidates": "12", "random_state": "1"}),
        ({"name": "cmaes", "sigma": 0.5, "restart_strategy": "ipop"}, NUMBERS, 2,
         {"sigma": "0.5", "restart_strategy": "ipop", "random_state": "2"}),
        ({"name": "sobol"}, NUMBERS, 3, {}),
    ],
)  # fmt: skip
def test_settings_have_the_names_that_katibs_services_know(
    algorithm: dict[str, Any], space: dict[str, Any], seed: int, settings: dict[str, str]
) -> None:
    found = built(algorithm=algorithm, space=space, seed=seed)["spec"]["algorithm"]
    assert found["algorithmName"] == algorithm["name"]
    assert {one["name"]: one["value"] for one in found.get("algorithmSettings") or []} == settings


@pytest.mark.parametrize("algorithm", ["random", "tpe", "multivariate-tpe", "cmaes", "sobol"])
def test_no_parameter_needs_what_only_some_services_understand(algorithm: str) -> None:
    space = NUMBERS if algorithm in ("cmaes", "sobol") else FLAT
    for parameter in built(algorithm={"name": algorithm}, space=space)["spec"]["parameters"]:
        fields = parameter["feasibleSpace"]
        assert (parameter["parameterType"], sorted(fields)) in [("double", ["max", "min"]), ("categorical", ["list"])]
        assert all(isinstance(value, str) for value in [*fields.get("list", []), fields.get("min", "")])


@pytest.mark.parametrize(
    ("budget", "allowed", "counts"),
    [
        ({"trials": 30, "parallel_trials": 8}, 0.5, (30, 8, 16)),
        ({"trials": 4, "parallel_trials": 2}, 1.0, (4, 2, 4)),
        ({"trials": 10, "parallel_trials": 1}, 0.0, (10, 1, 1)),
    ],
)
def test_the_counts_end_the_search_at_the_share_of_failures(
    budget: dict[str, int], allowed: float, counts: tuple[int, int, int]
) -> None:
    spec = built(budget=budget, failures_allowed=allowed)["spec"]
    assert (spec["maxTrialCount"], spec["parallelTrialCount"], spec["maxFailedTrialCount"]) == counts


def test_a_grid_has_no_more_trials_than_points() -> None:
    space = {"dropout": {"type": "float", "low": 0.0, "high": 0.2, "step": 0.1}}
    spec = built(space=space, algorithm={"name": "grid"}, budget={"trials": 30, "parallel_trials": 8})["spec"]
    assert (spec["maxTrialCount"], spec["parallelTrialCount"]) == (3, 3)


def test_the_command_is_made_of_words_that_need_no_quotes() -> None:
    command = trial_pod(built())["spec"]["containers"][0]["command"]
    assert command[:3] == ["python", "-m", "foldline.training.tune_on_katib.trial"]
    for word in command:
        assert re.fullmatch(r"[A-Za-z0-9._:/=-]+|--[a-z0-9]+=\$\{trialParameters\.[a-z0-9]+\}", word), word
    parameters = built()["spec"]["trialTemplate"]["trialParameters"]
    used = re.findall(r"trialParameters\.(\w+)", " ".join(command))
    assert sorted(used) == sorted(one["name"] for one in parameters)
    assert parameters[0] == {"name": "trial", "reference": "${trialSpec.Name}"}


def test_a_trial_is_a_job_that_is_tried_once_and_may_do_little() -> None:
    found = built(budget={"trials": 3, "parallel_trials": 2, "trial_s": 90})
    job, pod = found["spec"]["trialTemplate"]["trialSpec"], trial_pod(found)
    assert "name" not in job.get("metadata", {})
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 90)
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
    assert (pod["spec"]["restartPolicy"], pod["spec"]["automountServiceAccountToken"]) == ("Never", False)
    (container,) = pod["spec"]["containers"]
    context = container["securityContext"]
    assert (context["runAsNonRoot"], context["readOnlyRootFilesystem"]) == (True, True)
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    assert mounts == {"/inputs", "/tmp", "/dev/shm"}
    for entry in container["env"]:
        assert entry["name"] == "HOME" or entry["valueFrom"]["secretKeyRef"]["optional"] is True
    assert found["spec"]["trialTemplate"]["retain"] is True
    assert "nvidia.com/gpu" not in json.dumps(found)


def test_a_trial_runs_where_the_parameters_of_the_pipeline_place_it() -> None:
    tolerations = [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 30.0}]
    placement = Placement.parse("nvidia.com/gpu", "2", {"pool": "gpu"}, tolerations)
    found = built({"service_account": "trainer", "memory": "8Gi", "image": "mine:1"}, placement)
    pod = trial_pod(found)["spec"]
    limits = pod["containers"][0]["resources"]["limits"]
    assert limits == {"memory": "8Gi", "nvidia.com/gpu": "2"}
    assert pod["containers"][0]["image"] == "mine:1"
    assert (pod["nodeSelector"], pod["serviceAccountName"]) == ({"pool": "gpu"}, "trainer")
    assert json.dumps(pod["tolerations"]) == '[{"key": "gpu", "operator": "Exists", "tolerationSeconds": 30}]'


def test_programs_that_trials_compile_are_kept_in_the_claim_of_the_pipeline() -> None:
    pod = trial_pod(built({"cache_claim": "foldline-cache"}))["spec"]
    (container,) = pod["containers"]
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "foldline-cache"}} in pod["volumes"]
    (mounted,) = (one["mountPath"] for one in container["volumeMounts"] if one["name"] == "cache")
    assert {"name": "FOLDLINE_CACHE", "value": mounted} in container["env"]


def test_the_digest_changes_with_the_spec_and_with_nothing_else() -> None:
    same, again, other = built(), built(), built(seed=1)
    digests = [one["metadata"]["annotations"][DIGEST] for one in (same, again, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_name_is_short_and_the_same_for_the_same_run_and_task() -> None:
    name = experiment_name("run", "root.search.tune-on-katib")
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 40
    assert name == experiment_name("run", "root.search.tune-on-katib") != experiment_name("run", "root.other")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"imge": "x"}, "Did you mean 'image'"),
        ({"on_termination": "keep"}, "one of delete, leave"),
        ({"memory": "much"}, "katib.memory: expected a quantity"),
        ({"cpu": 2}, "katib.cpu: expected text"),
        ({"patience_s": 0}, "katib.patience_s"),
    ],
)
def test_options_that_cannot_be_are_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        Options.parse(document)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("nvidia.com/gpu", "two", {}, []), "accelerator_count"),
        (("", "1", {}, []), "accelerator_type"),
        (("nvidia.com/gpu", "1", {"pool": 3}, []), "node_selector"),
        (("nvidia.com/gpu", "1", {}, ["gpu"]), "tolerations"),
    ],
)
def test_a_placement_that_cannot_be_is_named(given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Placement.parse(*given)


@pytest.mark.parametrize(
    "uri", ["", "/folder", "s3://bucket/a b", "s3://bucket/$(id)", "s3://bucket/a;b", "http://x/y"]
)
def test_an_address_that_a_shell_would_read_is_refused(uri: str) -> None:
    with pytest.raises(ArgumentError, match="state_uri"):
        check_state(uri)
    assert check_state("minio://bucket/a/b-c_d/") == "minio://bucket/a/b-c_d"
