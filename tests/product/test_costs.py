"""docs/costs.md against the compiled pipelines."""

from pathlib import Path

import pytest
import yaml

from builders.markdown import table
from foldline_pipelines import registry, settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "costs.md").read_text()
ROOT_DRIVER_S = 6
TASK_S = (10, 12)
PIPELINES = pytest.mark.parametrize("name", sorted(registry.pipelines()))


def compiled(name: str) -> tuple[dict, dict]:
    ir, platform = yaml.safe_load_all((ROOT / "compiled" / "pipelines" / f"{name}.yaml").read_text())
    return ir["root"]["dag"]["tasks"], platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@PIPELINES
def test_pods_and_seconds_of_a_pipeline_follow_from_its_tasks(name: str) -> None:
    tasks, _ = compiled(name)
    assert all("dag" not in task["componentRef"] and "iterator" not in str(task).lower() for task in tasks.values())
    least, most = (ROOT_DRIVER_S + seconds * len(tasks) for seconds in TASK_S)
    rows = {row[0]: row[1:] for row in table(TEXT, "pipeline")}
    assert rows[name] == [str(len(tasks)), str(1 + 2 * len(tasks)), f"{least} to {most}"]


@PIPELINES
def test_every_tasks_wishes_are_in_the_table(name: str) -> None:
    tasks, executors = compiled(name)
    rows = {row[0]: row[1:] for row in table(TEXT, "task")}
    for task, content in tasks.items():
        config = executors[f"exec-{task}"]
        assert rows[task] == [
            "yes" if content["cachingOptions"].get("enableCache") else "never",
            str(int(config["activeDeadlineSeconds"]) // 3600),
            "yes" if "secretAsEnv" in config else "",
            "yes" if "emptyDirMounts" in config else "",
        ], task


def test_the_settings_that_are_shown_are_all_that_there_are(tmp_path: Path) -> None:
    shown = TEXT.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "settings.yaml").write_text(shown)
    assert set(yaml.safe_load(shown)) == set(vars(settings.read(tmp_path / "settings.yaml")))
