"""`foldline submit` against the wire of Kubeflow Pipelines."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import kubeflow
from builders.kubeflow import Kubeflow

Call = Callable[..., subprocess.CompletedProcess[str]]


Command = Callable[..., tuple[int, str]]


def test_a_file_is_uploaded_once_and_each_run_keeps_the_types_of_its_arguments(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "arguments.yaml").write_text("rate: 1\nshuffled: true\nderived: {late: delay > 15}\nlabel: '007'\n")
    words = ["submit", compiled("typed"), "--args", tmp_path / "arguments.yaml", "--set", "n_folds=3"]
    words += ["--set", "dataset_uri=s3://tables/a.csv", "--set", "store_uri=s3://models"]
    status, first = command(*words)
    assert status == 0, first
    _, second = command(*words, "--experiment", "own", "--run-name", "second")
    assert server.uploads == len(server.pipelines) == len(server.versions) == 1
    assert "uploaded" in first
    assert "is there" in second
    (run, other) = server.runs.values()
    assert run["runtime_config"]["parameters"] == {
        "rate": 1.0,
        "shuffled": True,
        "derived": {"late": "delay > 15"},
        "label": "007",
        "n_folds": 3,
        "dataset_uri": "s3://tables/a.csv",
        "store_uri": "s3://models",
    }
    assert f"{server.url}/#/runs/details/{run['run_id']}" in first
    assert "next: open that address" in first
    assert other["display_name"] == "second"
    assert {one["display_name"] for one in server.experiments.values()} == {"typed", "own"}


def test_settings_make_another_version(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "settings.yaml").write_text("image_pull_secrets: [registry-key]\n")
    assert command("submit", compiled("count"))[0] == 0
    status, output = command("submit", compiled("count"), "--settings", tmp_path / "settings.yaml")
    assert status == 0, output
    assert (len(server.pipelines), len(server.versions), server.uploads) == (1, 2, 2)


def test_the_code_of_a_model_is_sent_with_the_run(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "model.py").write_text("def build_model(inputs):\n    return None\n")
    status, output = command(
        "submit", compiled("typed"), "--set", f"model={tmp_path / 'model.py'}", "--set", "dataset_uri=s3://a/b",
        "--set", "store_uri=s3://models",
    )  # fmt: skip
    assert status == 0, output
    (run,) = server.runs.values()
    assert run["runtime_config"]["parameters"]["model"] == "build_model"
    assert "def build_model" in run["runtime_config"]["parameters"]["model_code"]


def test_waiting_shows_tasks_and_ends_well(server: Kubeflow, command: Command, compiled: Callable[[str], Path]) -> None:
    server.workflow = kubeflow.workflow({"write-rows": "Succeeded", "count-rows": "Skipped", "note": "Succeeded"})
    status, output = command("submit", compiled("count"), "--wait")
    assert status == 0, output
    assert "write-rows: succeeded, " in output
    assert "count-rows: cached" in output
    assert output.index("write-rows: ") < output.index("note: succeeded")


LOG = """I1121 12:00:01.000000      18 launcher_v2.go:192] publish
Traceback (most recent call last):
  File "executor.py", line 1, in <module>
foldline.errors.DataError: table: expected at most 2 rows, got 3. Ask for fewer.
F1121 12:00:02.000000      18 main.go:49] failed to execute component: exit status 1
"""


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (LOG, "count-rows: table: expected at most 2 rows, got 3. Ask for fewer."),
        ("", "count-rows: OOMKilled (exit code 137)"),
        ('{"error_message":"Failed to read logs","error_details":""}', "count-rows: OOMKilled (exit code 137)"),
    ],
    ids=["log", "no log", "a log that is gone"],
)
def test_a_failed_run_names_its_task_and_message(
    log: str, message: str, server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    server.run_state = "FAILED"
    phases = {"write-rows": "Succeeded", "count-rows": "Failed"}
    server.workflow = kubeflow.workflow(phases, message="OOMKilled (exit code 137)")
    (pod,) = [
        node["id"]
        for node in server.workflow["status"]["nodes"].values()
        if node["message"] and node["phase"] == "Failed"
    ]
    server.logs = {f"count-x7k2p-system-container-impl-{pod.rpartition('-')[2]}": log}
    status, output = command("submit", compiled("count"), "--wait")
    assert status == 1
    assert message in output.splitlines()
    assert f"next: look at {server.url}/#/runs/details/" in output


def test_a_wait_is_bounded_and_says_the_last_state(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    server.run_state = "RUNNING"
    status, output = command("submit", compiled("count"), "--wait", "--timeout", "1")
    assert status == 1
    assert "expected its end within 1 s, got state RUNNING. It goes on; look at it in the UI." in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "folds=3"], "folds: expected a parameter of the pipeline"),
        (["--set", "n_folds=x"], "n_folds: expected a whole number, got 'x' (text)."),
        ([], "dataset_uri: expected a value, got none."),
        (
            ["--set", "dataset_uri=a.csv"],
            "dataset_uri: expected an address that pods reach (s3://, minio://, https://)",
        ),
        (
            ["--set", "dataset_uri=s3://a"],
            "store_uri: expected a bucket for the model store (s3://, minio://), got none.",
        ),
    ],
)
def test_arguments_are_checked_before_the_server_is_asked(
    words: list[str], message: str, foldline: Call, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    ended = foldline("submit", compiled("typed"), *words, "--endpoint", "http://127.0.0.1:9", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(message)
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("refuse", "expected"),
    [
        ((401, '{"code":16,"message":"there is no user identity header"}'), "expected a valid login, got 401 from"),
        ((403, '{"code":7,"message":"User a is not authorized"}'), "is not authorized. Name a namespace of yours"),
        ((404, "404 page not found"), "expected the API of Kubeflow Pipelines 2, got 404"),
        ((500, '{"code":13,"message":"no such table"}'), "expected Kubeflow Pipelines to accept it, got 500"),
        (
            (
                500,
                json.dumps(
                    {"code": 13, "message": "no way\ngithub.com/a/b.Wrap\n\tgithub.com/a/b.go:1\nFailed to run"}
                ),
            ),
            "127.0.0.1:PORT: no way Failed to run.",
        ),
        ((400, '{"error_message":"bad name","error_details":"long"}'), "accept it, got 400 from http://127.0.0.1"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else None,
)
def test_a_refusal_is_one_line_with_the_servers_own_words(
    refuse: tuple[int, str], expected: str, server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    server.refuse = refuse
    status, output = command("submit", compiled("count"))
    assert status == 1
    last = output.splitlines()[-1]
    assert last.startswith("pipeline/count: ")
    assert expected in last.replace(server.url.rpartition(":")[2], "PORT")


def test_an_endpoint_that_is_down_is_named_with_a_way_to_reach_it(
    foldline: Call, compiled: Callable[[str], Path]
) -> None:
    ended = foldline("submit", compiled("count"), "--endpoint", "http://user:secret@127.0.0.1:9")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "Kubeflow Pipelines at http://127.0.0.1:9: expected an answer, got Connection refused." in ended.stderr
    assert "kubectl port-forward" in ended.stderr
    assert "secret" not in ended.stderr


def test_without_any_endpoint_the_ways_to_name_one_are_said(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    status, output = command("submit", compiled("count"))
    assert status == 1
    assert "endpoint: expected the address of Kubeflow Pipelines, got none" in output


def test_a_token_comes_from_the_file_that_kfp_reads(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.token = "one-two-three"
    assert "expected a valid login" in command("submit", compiled("count"))[1]
    (tmp_path / "token").write_text("one-two-three")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    status, output = command("submit", compiled("count"))
    assert status == 0, output
    assert "one-two-three" not in output


def test_where_kubeflow_has_users_a_namespace_is_needed_and_sent(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    server.multi_user = True
    assert "namespace: expected a namespace of yours" in command("submit", compiled("count"))[1]
    assert command("submit", compiled("count"), "--namespace", "team-a")[0] == 0
    assert {one["namespace"] for one in (*server.pipelines.values(), *server.experiments.values())} == {"team-a"}
