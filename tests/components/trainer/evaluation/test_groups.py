"""Rows that were kept together in folds are found again."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts import Dataset, Folds, Task
from foldline.artifacts.dataset import row_id_array
from foldline.evaluation.groups import row_groups


@pytest.mark.parametrize("column", ["day", "carrier"])
def test_rows_have_the_number_of_their_group_in_any_order(tmp_path: Path, column: str) -> None:
    random = np.random.default_rng(1)
    day = random.integers(0, 9, 200)
    table = pa.table({"day": day, "carrier": [f"carrier {one}" for one in day], "delay": random.normal(size=200)})
    dataset = Dataset.write(tmp_path / "dataset", table, source={"uri": "made"})
    stored = dataset.table(["day"])
    row_id, own = row_id_array(stored), stored["day"].to_numpy()
    given = {
        "dataset_digest": dataset.digest,
        "label": "delay",
        "task": Task("regression"),
        "n_folds": 3,
        "seed": 0,
        "row_id": row_id,
        "test": own < 0,
        "fold": own[None] % 3,
    }
    grouped = Folds.write(tmp_path / "grouped", strategy="grouped", hold_out={"method": "hash", "of": column}, **given)
    order = random.permutation(200)[:150]
    groups = row_groups(dataset, grouped, row_id[order])
    assert groups is not None
    _, found = np.unique(groups, return_inverse=True)
    expected = own[order]
    assert ((found[:, None] == found) == (expected[:, None] == expected)).all()
    plain = Folds.write(tmp_path / "plain", strategy="plain", hold_out={"method": "hash", "of": "row_id"}, **given)
    assert row_groups(dataset, plain, row_id) is None
