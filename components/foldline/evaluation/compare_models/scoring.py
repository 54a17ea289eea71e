"""What a model of the store says of rows of a dataset."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Model
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ComparisonError


def predictions_of(model: Model, dataset: Dataset, row_id: NDArray[np.int64], whose: str) -> NDArray[np.float32]:
    """The model's own SavedModel on the dataset's raw rows, in the order of `row_id`; shape (n_rows, task.outputs).

    Raises:
        ComparisonError: a prediction is not finite; `whose` names the model in the message.
    """
    # TensorFlow takes seconds to import, and a first model is compared without it.
    from foldline.predictor import Predictor

    table = dataset.table([column.name for column in model.signature])
    position = {identity: index for index, identity in enumerate(row_id_array(table).tolist())}
    rows = table.take(pa.array([position[identity] for identity in row_id.tolist()]))
    predicted = Predictor(model).predict(tensors_from_table(rows, model.signature))
    wrong = int((~np.isfinite(predicted).all(axis=1)).sum())
    if wrong:
        raise ComparisonError(
            f"predictions of {whose}",
            expected="finite numbers",
            got=f"{wrong} of {len(rows)} rows with NaN or infinity",
        )
    return predicted
