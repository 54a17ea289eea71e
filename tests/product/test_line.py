"""The whole line on this machine: raw rows in, a served model out, from the compiled file."""

import json
import math
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, components, dsl

from builders.browser import CHROMIUM, visit
from builders.tables import customers
from foldline_pipelines.local import environments

COMPILED = Path(__file__).resolve().parents[2] / "compiled" / "components"
COMMAND = environments.root() / "local" / "bin" / "foldline"
START_S = 60.0
# All of it is as good as the default.
SEARCH = """search={
    space: {learning_rate: {type: float, low: 0.0008, high: 0.0012}}, budget: {trials: 2, parallel_trials: 2}
}"""


@dataclass(frozen=True)
class Run:
    folder: Path
    status: int
    output: str

    @property
    def record(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return content

    def task(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(task for task in self.record["tasks"] if task["task"] == name)
        return found

    def metrics(self, task: str) -> dict[str, float]:
        found: dict[str, float] = self.task(task)["metrics"]
        return found

    def artifact(self, task: str, name: str) -> Path:
        return Path(self.task(task)["artifacts"][name]["uri"])


def foldline(folder: Path, *arguments: str) -> Run:
    command = [str(COMMAND), "run", *arguments, "--out", str(folder)]
    ended = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=280, check=False)
    return Run(folder, ended.returncode, ended.stdout + ended.stderr)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="module")
def first(place: Path) -> Run:
    table = customers(place / "customers.csv", rows=3000, seed=1)
    return foldline(place / "first", "train_and_serve", "--set", f"dataset_uri={table}", "--set", "label=left")


@pytest.fixture(scope="module")
def second(place: Path, first: Run) -> Run:
    return foldline(
        place / "second",
        "train_and_serve",
        "--set",
        f"dataset_uri={place / 'customers.csv'}",
        "--set",
        "label=left",
        "--set",
        "seed=7",
        "--set",
        SEARCH,
        "--set",
        "search_engine=optuna",
    )


def test_a_tidy_table_and_the_name_of_its_label_are_enough(first: Run) -> None:
    assert first.status == 0, first.output
    assert first.record["state"] == "succeeded"
    states = {task["task"].rpartition("/")[2]: task["state"] for task in first.record["tasks"]}
    assert {task for task, state in states.items() if state == "skipped"} == {"tune-hyperparameters", "tune-on-katib"}
    assert set(states.values()) == {"succeeded", "skipped"}
    metrics = first.metrics("train-folds")
    assert metrics["roc_auc"] > 0.8
    assert f"roc_auc {metrics['roc_auc']:.4f} ± {metrics['roc_auc_standard_error']:.4f}" in first.output
    assert abs(first.metrics("evaluate-model")["test_roc_auc"] - metrics["roc_auc"]) < 0.05


def test_the_first_model_beats_the_dummy_baseline_and_becomes_champion(first: Run) -> None:
    comparison = json.loads((first.artifact("compare-models", "decision") / "decision.json").read_text())
    canary = json.loads((first.artifact("deploy-canary", "decision") / "decision.json").read_text())
    assert (comparison["verdict"], canary["verdict"]) == ("promote", "promote")
    assert "dummy baseline" in json.dumps(comparison["figures"])
    assert "foldline serve --store" in first.output


def test_the_specification_is_written_out_and_leaves_out_what_only_identifies(first: Run) -> None:
    written = json.loads((first.artifact("transform-features", "transform") / "specification.json").read_text())
    kinds = {name: column["kind"] for name, column in written["columns"].items()}
    assert kinds["customer"] == "ignore"
    assert kinds["city"] == "categorical"
    assert kinds["income"] == "numeric"
    assert kinds["left"] == "ignore"


def test_the_saved_model_needs_nothing_of_foldline(first: Run) -> None:
    model = first.artifact("train-model", "trained_model")
    program = """
import sys, tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
rows = {name: tf.zeros([2], spec.dtype) if spec.dtype != tf.string else tf.constant(["", "x"])
        for name, spec in serve.structured_input_signature[1].items()}
print(serve(**rows)["predictions"].numpy().tolist())
assert not any(name.startswith(("foldline", "kfp")) for name in sys.modules)
"""
    python = environments.interpreter("server")
    command = [str(python), "-I", "-c", program, str(model / "1")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    answers = json.loads(ended.stdout.splitlines()[-1])
    assert len(answers) == 2
    assert all(0 <= answer[0] <= 1 for answer in answers)


def test_the_record_has_parameters_digests_durations_and_memory(first: Run) -> None:
    record = first.record
    assert record["parameters"]["label"] == "left"
    assert record["parameters"]["n_folds"] == 5
    for task in (one for one in record["tasks"] if one["state"] != "skipped"):
        assert task["seconds"] > 0
        assert task["peak_memory_bytes"] > 10_000_000
        for artifact in task["artifacts"].values():
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", artifact["digest"])


@pytest.mark.skipif(CHROMIUM is None, reason="the Debian package chromium is not installed")
def test_every_page_of_the_run_is_quiet_in_a_browser(first: Run, tmp_path: Path) -> None:
    pages = [first.folder / "index.html", *sorted((first.folder / "reports").glob("*.html"))]
    assert len(pages) >= 8
    for number, page in enumerate(pages):
        folder = tmp_path / str(number)
        folder.mkdir()
        seen = visit(page, folder)
        assert seen.console == [], page
        assert seen.requests == [], page


def test_the_links_of_the_index_lead_to_files(first: Run) -> None:
    links = re.findall(r'href="([^"#:]+)"', (first.folder / "index.html").read_text())
    assert len(links) > 8
    for link in links:
        assert (first.folder / link).exists(), link


def test_an_equal_challenger_leaves_the_champion_in_place(second: Run) -> None:
    assert second.status == 0, second.output
    comparison = json.loads((second.artifact("compare-models", "decision") / "decision.json").read_text())
    assert comparison["verdict"] == "keep"
    assert abs(comparison["figures"]["gain"]) < 0.02
    assert "no model was promoted" in second.output
    assert "foldline serve" not in second.output


def test_a_search_that_is_asked_for_comes_first_and_its_winner_is_trained(second: Run) -> None:
    states = {task["task"].rpartition("/")[2]: task["state"] for task in second.record["tasks"]}
    assert {task for task, state in states.items() if state == "skipped"} == {"tune-on-katib", "without-search"}
    (tuning,) = (task for task in second.record["tasks"] if task["task"].endswith("tune-hyperparameters"))
    search = json.loads((Path(tuning["artifacts"]["search"]["uri"]) / "search.json").read_text())
    rate = search["best"]["parameters"]["learning_rate"]
    training = json.loads((second.artifact("train-folds", "training") / "training.json").read_text())
    model = json.loads((second.artifact("train-model", "trained_model") / "model.json").read_text())
    assert [training["learning_rate"], model["training"]["learning_rate"]] == [rate, rate]
    assert 0.0008 <= rate <= 0.0012


@pytest.fixture
def served(place: Path, first: Run) -> Iterator[str]:
    command = [str(COMMAND), "serve", "--store", str(place / "models"), "--model", "model", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert server.stdout is not None
        deadline = time.monotonic() + START_S
        address = None
        while address is None and time.monotonic() < deadline:
            address = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert address is not None
        yield address.group()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
        assert server.stdout is not None
        server.stdout.close()


def ask(address: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{address}/v1/models/model:predict", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_the_champion_answers_raw_rows_with_missing_values(served: str) -> None:
    row = {"income": 21000.5, "months": 3, "city": "Bern", "joined": "2025-02-03", "newsletter": True}
    status, answer = ask(served, {"instances": [row, dict.fromkeys(row), {}]})
    assert status == 200, answer
    assert len(answer["predictions"]) == 3
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in answer["predictions"])
    assert answer["predictions"][0] > 0.5


def test_a_wrong_request_is_the_clients_fault_and_names_row_and_column(served: str) -> None:
    status, answer = ask(served, {"instances": [{"months": 3}, {"months": "three"}]})
    assert status == 400
    assert "row 1" in json.dumps(answer)
    assert "months" in json.dumps(answer)


def test_shuffled_labels_cannot_be_predicted(place: Path) -> None:
    table = customers(place / "shuffled.csv", rows=2500, seed=2, shuffled=True)
    run = foldline(place / "shuffled", "cross_validate", "--set", f"dataset_uri={table}", "--set", "label=left")
    assert run.status == 0, run.output
    metrics = run.metrics("train-folds")
    assert abs(metrics["roc_auc"] - 0.5) < 3 * metrics["roc_auc_standard_error"] + 0.02


def test_component_files_make_a_pipeline_of_ones_own(tmp_path: Path) -> None:
    load = components.load_component_from_file
    ingest_dataset = load(str(COMPILED / "ingest_dataset.yaml"))
    assign_folds = load(str(COMPILED / "assign_folds.yaml"))

    @dsl.pipeline(name="folds-only")
    def folds_only(table: str) -> None:
        ingested = ingest_dataset(source_uri=table, label="left")
        assign_folds(dataset=ingested.outputs["dataset"], n_folds=3)

    compiler.Compiler().compile(folds_only, str(tmp_path / "own.yaml"))
    table = customers(tmp_path / "customers.csv", rows=300, seed=3)
    run = foldline(tmp_path / "run", str(tmp_path / "own.yaml"), "--set", f"table={table}")
    assert run.status == 0, run.output
    assert json.loads((run.artifact("assign-folds", "folds") / "folds.json").read_text())["n_folds"] == 3


@pytest.mark.parametrize(
    ("name", "content", "label", "expected"),
    [
        ("missing", None, "left", "missing.csv"),
        ("empty", "a,left\n", "left", "row"),
        ("one_class", "a,left\n1,x\n2,x\n3,x\n", "left", "at least two different values"),
        ("no_label", "a,b\n1,2\n3,4\n", "left", "left"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_bad_input_ends_the_run_with_one_message_and_the_path_of_the_log(
    tmp_path: Path, name: str, content: str | None, label: str, expected: str
) -> None:
    if content is not None:
        (tmp_path / f"{name}.csv").write_text(content)
    uri = f"dataset_uri={tmp_path / name}.csv"
    run = foldline(tmp_path / "out", "cross_validate", "--set", uri, "--set", f"label={label}")
    assert run.status != 0
    assert expected in run.output
    assert "Traceback" not in run.output
    assert run.record["state"] == "failed"
    log = re.search(r"(\S+\.log)", run.output)
    assert log is not None
    assert (tmp_path / log.group(1)).exists()
