"""Each component inside its image: the compiled pipeline, every task in a confined container."""

from typing import Any

import pytest

from builders import containers
from builders.tables import customers
from foldline._image import TRAINER
from foldline_pipelines import registry

# The first test waits for the build.
pytestmark = [pytest.mark.usefixtures("images"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def tasks(images: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("line")
    table = customers(folder / "customers.csv", rows=500, seed=1)
    mounted = [*containers.CONFINED, f"--volume={folder}:{folder}"]
    return containers.run_all_pipelines(folder, table, lambda image: [*mounted, image])


@pytest.mark.parametrize("component", sorted(set(registry.components()) - {"tune_on_katib"}))
def test_a_component_succeeds_inside_its_image(component: str, tasks: dict[str, dict[str, Any]]) -> None:
    task = tasks[component.replace("_", "-")]
    assert task["state"] == "succeeded", task.get("message")


def test_a_trial_of_katib_can_begin_inside_its_image() -> None:
    assert "--search" in containers.output(TRAINER, "python3", "-m", "foldline.training.tune_on_katib.trial", "--help")


def test_the_first_model_is_promoted(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["deploy-canary"]["artifacts"]["decision"]["metadata"]["verdict"] == "promote"
