"""docs/costs.md against the compiled pipelines."""

from pathlib import Path

import pytest
import yaml

from builders.compiled import Task, tasks
from builders.markdown import table
from foldline_pipelines import registry, settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "costs.md").read_text()
ROOT_DRIVER_S = 6
TASK_S = (10, 12)
# What the table counts with where a loop goes over the folds.
FOLDS = 5
# Sub-pipelines that run only with a search; the table is of runs without one.
SEARCHES = {"search-with-optuna", "search-with-katib"}
PIPELINES = pytest.mark.parametrize("name", sorted(registry.pipelines()))


def compiled(name: str) -> tuple[list[Task], dict]:
    ir, platform = yaml.safe_load_all((ROOT / "compiled" / "pipelines" / f"{name}.yaml").read_text())
    return tasks(ir), platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@PIPELINES
def test_pods_and_seconds_of_a_pipeline_follow_from_its_tasks(name: str) -> None:
    everything, _ = compiled(name)
    found = [task for task in everything if SEARCHES.isdisjoint(inside for inside, _ in task.above)]
    above = {task.above[: depth + 1] for task in found for depth in range(len(task.above))}
    # A condition that is false has a driver all the same, beside the one that is true.
    skipped = len(everything) - len(found)
    looped = sum(task.looped for task in found)
    executed = len(found) + looped * (FOLDS - 1)
    # Each sub-pipeline and each loop has a driver, and so has each round of a loop.
    drivers = sum(FOLDS if inside[-1][1] else 1 for inside in above) + looped * FOLDS
    pods = 1 + 2 * executed + drivers + skipped
    waited = ROOT_DRIVER_S * (1 + len(above) + looped)
    least, most = (waited + seconds * len(found) for seconds in TASK_S)
    rows = {row[0]: row[1:] for row in table(TEXT, "pipeline")}
    assert rows[name] == [str(executed), str(pods), f"{least} to {most}"]


@PIPELINES
def test_every_tasks_wishes_are_in_the_table(name: str) -> None:
    found, executors = compiled(name)
    rows = {row[0]: row[1:] for row in table(TEXT, "task")}
    for task in found:
        config = executors[f"exec-{task.name}"]
        assert rows[task.name] == [
            "yes" if task.content["cachingOptions"].get("enableCache") else "never",
            str(int(config["activeDeadlineSeconds"]) // 3600),
            "yes" if any(secret["secretName"] == "foldline-s3" for secret in config.get("secretAsEnv", [])) else "",
            "yes" if "emptyDirMounts" in config else "",
        ], task.name


def test_the_settings_that_are_shown_are_all_that_there_are(tmp_path: Path) -> None:
    shown = TEXT.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "settings.yaml").write_text(shown)
    assert set(yaml.safe_load(shown)) == set(vars(settings.read(tmp_path / "settings.yaml")))
