"""The Experiment of a search: what Katib 0.19 does as it says, and nothing else of what it accepts."""

import hashlib
import json
from typing import Any

from kubeflow_katib_api import models as katib

from foldline.artifacts.seal import content_digest
from foldline.cluster import EXPERIMENTS, Object
from foldline.training.search.conduct import CMAES, GRID, MULTIVARIATE_TPE, RANDOM, TPE
from foldline.training.search.definition import Definition
from foldline.training.tune_on_katib.job import CONTAINER, TRIAL, job
from foldline.training.tune_on_katib.options import Options, Placement
from foldline.training.tune_on_katib.words import METRIC, Word, words_of

DIGEST = "foldline/search"
_NAME_DIGITS = 16
# Names of the settings where Katib's services have others, and which services take a seed.
_SETTINGS = {
    (TPE, "candidates"): "n_EI_candidates",
    (MULTIVARIATE_TPE, "candidates"): "n_ei_candidates",
    (MULTIVARIATE_TPE, "startup_trials"): "n_startup_trials",
}
_SEEDED = (RANDOM, GRID, TPE, MULTIVARIATE_TPE, CMAES)


def experiment_name(*identity: str) -> str:
    """A name of at most 40 characters, the same for the same texts."""
    return f"search-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:_NAME_DIGITS]}"


def experiment(name: str, folder: str, definition: Definition, options: Options, placement: Placement) -> Object:
    """The Experiment, with the digest of its spec as an annotation.

    Args:
        folder: address of the search in the bucket.
        definition: one that `capabilities.check` has let through for Katib.
    """
    words = words_of(definition.space, definition.algorithm.name)
    names = tuple(f"p{index}" for index in range(len(words)))
    objective, budget = definition.objective, definition.budget
    spec = katib.V1beta1ExperimentSpec(
        objective=katib.V1beta1ObjectiveSpec(
            type=objective.direction,
            goal=objective.goal,
            objective_metric_name=METRIC,
            # The default takes the best report of a trial, its luckiest fold.
            metric_strategies=[katib.V1beta1MetricStrategy(name=METRIC, value="latest")],
        ),
        algorithm=katib.V1beta1AlgorithmSpec(
            algorithm_name=definition.algorithm.name, algorithm_settings=_settings(definition)
        ),
        parameters=[_parameter(word) for word in words],
        parallel_trial_count=min(budget.parallel_trials, definition.trials),
        max_trial_count=definition.trials,
        max_failed_trial_count=min(int(definition.failures_allowed * definition.trials) + 1, definition.trials),
        resume_policy="Never",
        trial_template=katib.V1beta1TrialTemplate(
            retain=True,
            primary_container_name=CONTAINER,
            trial_parameters=[
                katib.V1beta1TrialParameterSpec(name=TRIAL, reference="${trialSpec.Name}"),
                *(
                    katib.V1beta1TrialParameterSpec(name=name, reference=word.name)
                    for name, word in zip(names, words, strict=True)
                ),
            ],
            trial_spec=job(folder, names, options, placement, budget.trial_s),
        ),
    )  # fmt: skip
    content: dict[str, Any] = spec.to_dict()
    return {
        "apiVersion": EXPERIMENTS.api_version,
        "kind": EXPERIMENTS.kind,
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "foldline"},
            # Katib's webhook fills in what is left out, so that what is stored is not what was sent.
            "annotations": {DIGEST: content_digest(content)},
        },
        "spec": content,
    }


def _parameter(word: Word) -> katib.V1beta1ParameterSpec:
    if word.count:
        space = katib.V1beta1FeasibleSpace(list=[str(index) for index in range(word.count)])
        return katib.V1beta1ParameterSpec(name=word.name, parameter_type="categorical", feasible_space=space)
    space = katib.V1beta1FeasibleSpace(min=repr(word.low), max=repr(word.high))
    return katib.V1beta1ParameterSpec(name=word.name, parameter_type="double", feasible_space=space)


def _settings(definition: Definition) -> list[katib.V1beta1AlgorithmSetting]:
    name, given = definition.algorithm.name, definition.algorithm.settings
    settings = {_SETTINGS.get((name, key), key): str(value) for key, value in given.items()}
    if name in _SEEDED:
        settings["random_state"] = str(definition.seed)
    return [katib.V1beta1AlgorithmSetting(name=key, value=value) for key, value in settings.items()]
