"""When two predictions agree, by the task and the policy. Pure but for the reading of the training label."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foldline.artifacts import Dataset, Model
from foldline.errors import ArtifactError
from foldline.serving.deploy_canary.mirrored.pairs import Said, same_class, within
from foldline.serving.deploy_canary.policy import Policy


def agreement(policy: Policy, model: Model, dataset: Dataset) -> Callable[[Said, Said], bool] | None:
    """Whether two answers of models like this one are alike; None where the policy compares none.

    Classes are alike where they are equal, values where they are near enough.

    Raises:
        ArtifactError: the policy counts in the spread of the training label, and the dataset has not its rows.
    """
    gate = next((gate for gate in policy.gates if gate.signal == "disagreement"), None)
    if gate is None:
        return None
    if model.task.is_classification:
        return same_class
    return within(gate.apart if gate.apart is not None else float(gate.apart_of_spread or 0) * _spread(model, dataset))


def _spread(model: Model, dataset: Dataset) -> float:
    """Standard deviation of the label over the rows that the model was trained on."""
    table = dataset.table([model.label])
    kept = table.filter(pc.is_in(table["row_id"], pa.array(model.training_rows())))
    label = kept[model.label].cast(pa.float64()).drop_null().to_numpy()
    if len(label) < 2:
        raise ArtifactError(
            f"dataset {dataset.path}",
            expected="the rows that the challenger was trained on, for the spread of their label",
            got=f"{len(label)} of them with a label",
            fix="State the gate's `apart` in the label's units, or give the dataset of the training.",
        )
    return float(np.std(label))
