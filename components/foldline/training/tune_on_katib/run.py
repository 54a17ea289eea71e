"""Files of `tune_on_katib`: artifacts in, trials in pods, search, report and settings out."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from foldline.artifacts import Dataset, Folds, Transform
from foldline.artifacts.seal import content_digest
from foldline.cluster import Cluster, connect
from foldline.disk import room_for
from foldline.ending import ended_in_order
from foldline.errors import ArgumentError
from foldline.training.fitting.settings import Fitting
from foldline.training.search.capabilities import KATIB, check
from foldline.training.search.definition import Definition
from foldline.training.search.result import conclude
from foldline.training.search.settings import Settings
from foldline.training.search.writing import write_search
from foldline.training.tune_on_katib.experiment import experiment, experiment_name
from foldline.training.tune_on_katib.following import Followed, Limits, follow
from foldline.training.tune_on_katib.identity import run_and_task
from foldline.training.tune_on_katib.inputs import put_inputs
from foldline.training.tune_on_katib.katib import CAPABILITY, Experiment
from foldline.training.tune_on_katib.options import DELETE, Options, Placement, check_state
from foldline.training.tune_on_katib.records import Records, Task
from foldline.training.tune_on_katib.words import words_of

API = "kubeflow.org/v1beta1"


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    search_path: str,
    report_path: str,
    tuned_path: str,
    state_uri: str,
    definition: Mapping[str, Any],
    model: str,
    model_code: str,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: Mapping[str, Any],
    katib: Mapping[str, Any],
    accelerator_type: str,
    accelerator_count: str,
    node_selector: Mapping[str, Any],
    tolerations: Sequence[Any],
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Search with an Experiment, or go on with the one that a killed task of the same run made.

    Raises:
        ArgumentError: a parameter has a value that it cannot have, or Katib cannot do what the definition asks for.
        ArtifactError: an input is torn, or they do not belong together.
        StoreError: the bucket cannot be read or written.
        ClusterError: the API server refuses something, the search does not get on (the message says why), or no trial
            has all folds.
        TrainingError: more trials failed than are allowed.
    """
    options = Options.parse(katib)
    placement = Placement.parse(accelerator_type, accelerator_count, node_selector, tolerations)
    state_uri = check_state(state_uri)
    folds = Folds.read(Path(folds_path))
    asked = check(Definition.parse(definition, folds.task), KATIB)
    Fitting.parse(fitting, folds.task)
    base = Settings(dict(hyperparameters), epochs, batch_size, learning_rate, patience, dict(fitting))
    numbers = folds.align(folds.row_id, folds.dataset_digest).predicted_folds
    if len(numbers) < 2:
        raise ArgumentError("folds", expected="at least 2 that are predicted", got=str(len(numbers)))
    paths = {"dataset": Path(dataset_path), "folds": Path(folds_path), "transform": Path(transform_path)}
    digests = {
        "dataset": Dataset.read(paths["dataset"]).digest,
        "folds": folds.digest,
        "transform": Transform.read(paths["transform"]).digest,
    }
    say = partial(print, flush=True)
    cluster = connect(capability=CAPABILITY)
    inputs = put_inputs(paths, state_uri)
    task = Task(asked.to_json(), base, model, model_code, seed, inputs)
    name = _name(cluster, task)
    records = Records(f"{state_uri}/{name}")
    records.begin(task)
    words = words_of(asked.space, asked.algorithm.name)
    body = experiment(name, records.folder, asked, options, placement)
    namespace = options.namespace or cluster.namespace
    engine = Experiment(cluster, namespace, body, words, options.patience_s, say)
    limits = Limits(asked.budget.seconds, options.patience_s, asked.failures_allowed)
    ended = _followed(engine, records, limits, options, say)
    blind = records.blind()
    say(f"{ended.why}: {len(ended.trials)} trials")
    code = hashlib.sha256(model_code.encode()).hexdigest()
    result = conclude(
        asked,
        KATIB,
        ended.trials,
        numbers,
        task=folds.task,
        label=folds.label,
        base=base,
        fold_fits=sum(len(one.fold_values) + bool(one.failure) for one in ended.trials),
        seconds=ended.seconds,
        engine_facts={
            "api": API,
            "experiment": f"{namespace}/{name}",
            "ended": ended.why,
            "trials_that_did_not_see_the_others": blind,
        },
        origin={**digests, "model_code": f"sha256:{code}"} if model_code else digests,
    )
    write_search(result, search_path, report_path, tuned_path, log_metric, describe)


def _name(cluster: Cluster, task: Task) -> str:
    """Of the run's task where Kubeflow runs it, so that each run searches; else of what is searched."""
    started = run_and_task(cluster)
    return experiment_name(*started) if started else experiment_name(content_digest(task.to_json()))


def _followed(
    engine: Experiment, records: Records, limits: Limits, options: Options, say: Callable[[str], None]
) -> Followed:
    try:
        with ended_in_order():
            return follow(engine, records, limits, say)
    except (SystemExit, KeyboardInterrupt):
        if options.on_termination == DELETE:
            say(f"told to end: deleting {engine.what}")
            engine.remove()
        else:
            say(f"told to end: {engine.what} goes on, and the same task takes it up again")
        raise
