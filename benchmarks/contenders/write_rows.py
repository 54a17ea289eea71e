"""Write the transformed rows of each fold as NumPy files, for a contender that knows no artifact."""

import sys
from pathlib import Path

import numpy as np

from foldline.training.backend import use_backend

use_backend("jax")

from foldline.features.apply import AppliedTransform  # noqa: E402
from foldline.training.rows import TrainingTable  # noqa: E402

table = TrainingTable.read(*map(Path, sys.argv[1:4]))
rows, _ = table.of_folds(lambda folder: AppliedTransform.load(folder).apply)
target = Path(sys.argv[4])
target.mkdir()
for index in range(len(rows.folds)):
    for name, own in (("training", rows.training[index]), ("validation", rows.validation[index])):
        arrays = {key: values[own] for key, values in rows.features.items()}
        np.savez(target / f"{index}-{name}.npz", label=rows.label[own], **arrays)
capacities = [feature.capacity for feature in table.transform.layout.categorical]
np.savez(target / "layout.npz", numeric=len(table.transform.layout.numeric), capacities=capacities)
print("{}")
