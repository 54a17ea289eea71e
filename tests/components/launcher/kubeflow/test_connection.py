"""The connection of a pod, which has no home that can be written and takes its namespace from its account."""

from collections.abc import Iterator
from pathlib import Path

import kfp
import pytest

from builders import kubeflow
from foldline.errors import RunError
from foldline.kubeflow import runs
from foldline.kubeflow.connection import connect


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[kubeflow.Kubeflow]:
    (tmp_path / "namespace").write_text("team-a\n")
    monkeypatch.setattr(kfp.Client, "_NAMESPACE_PATH", str(tmp_path / "namespace"))
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "no-home" / "context.json"))
    with kubeflow.serving() as running:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", running.url)
        yield running


@pytest.mark.parametrize(("multi_user", "namespace"), [(True, "team-a"), (False, None)])
def test_a_pod_works_in_its_own_namespace_where_kubeflow_has_users(
    multi_user: bool, namespace: str | None, server: kubeflow.Kubeflow, tmp_path: Path
) -> None:
    server.multi_user = multi_user
    connection = connect()
    assert connection.namespace == namespace
    assert not (tmp_path / "no-home").exists()
    runs.ensure_experiment(connection, "late")
    assert [one.get("namespace") for one in server.experiments.values()] == [namespace]


def test_a_refusal_names_no_option_of_a_command(server: kubeflow.Kubeflow) -> None:
    connection = connect()
    for status, expected in ((403, "Name a namespace of yours"), (401, "Log in again")):
        server.refuse = (status, '{"message": "no"}')
        with pytest.raises(RunError, match=expected) as told:
            runs.of_name(connection, "late")
        assert "--" not in str(told.value)
