"""Each component inside its image: the compiled pipeline, every task in a confined container."""

from pathlib import Path
from typing import Any

import pytest

from builders import containers
from builders.tables import customers
from foldline_pipelines import registry

COMPILED = Path(__file__).resolve().parents[2] / "compiled" / "pipelines"

# The first test waits for the build.
pytestmark = [pytest.mark.usefixtures("images"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def tasks(images: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("line")
    table = customers(folder / "customers.csv", rows=500, seed=1)
    folder.chmod(0o777)
    arguments = {"dataset_uri": str(table), "label": "left", "n_folds": 3, "epochs": 2}
    served = {"store_uri": str(folder / "models")}
    mounted = [*containers.CONFINED, f"--volume={folder}:{folder}"]
    records = []
    for name, own in (("train_and_serve", served), ("spot_check", {})):
        place = folder / name
        place.mkdir()
        records += containers.run_pipeline(
            place, COMPILED / f"{name}.yaml", {**arguments, **own}, lambda image: [*mounted, image]
        )
    return {record["task"]: record for record in records}


@pytest.mark.parametrize("component", sorted(registry.components()))
def test_a_component_succeeds_inside_its_image(component: str, tasks: dict[str, dict[str, Any]]) -> None:
    task = tasks[component.replace("_", "-")]
    assert task["state"] == "succeeded", task.get("message")


def test_the_first_model_is_promoted(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["deploy-canary"]["artifacts"]["decision"]["metadata"]["verdict"] == "promote"
