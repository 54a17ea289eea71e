"""A trusted test set: rows with sure labels that people keep fresh, read anew for each comparison.

Its version is the digest of its content: two figures are of the same test where the digests are equal.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Model
from foldline.artifacts.dataset import row_id_array
from foldline.data.ingest_dataset.run import run as ingest
from foldline.errors import ComparisonError
from foldline.evaluation import metrics
from foldline.evaluation.columns import check_columns
from foldline.evaluation.compare_models.gain import gain
from foldline.evaluation.compare_models.scoring import predictions_of

LEAST_ROWS = 20


@dataclass(frozen=True)
class TrustedTest:
    """What a trusted test set says of challenger and champion.

    Attributes:
        is_worse: whether the challenger is shown to be worse than the champion there.
        sentence: the same for people.
        figures: by name; each begins with `trusted_`.
    """

    is_worse: bool
    sentence: str
    figures: dict[str, Any]


@contextmanager
def read(uri: str, dataset: Dataset, label: str) -> Iterator[Dataset]:
    """The table at `uri`, read as `dataset` was: the same columns, derived ones too, and keys, so that rows that are in
    both have one identity.

    Raises what `ingest_dataset` raises.
    """
    with tempfile.TemporaryDirectory(prefix="foldline-trusted-") as scratch:
        yield ingest(
            uri,
            Path(scratch) / "dataset",
            label=label,
            columns=[column.name for column in dataset.columns],
            derived=dataset.source.get("derived", {}),
            key_columns=dataset.key_columns,
        )


def compare(
    challenger: Model,
    champion: Model | None,
    rows: Dataset,
    seen: NDArray[np.int64],
    *,
    confidence: float,
    seed: int,
    whose: str,
) -> TrustedTest:
    """Score both models on the rows that neither was trained on.

    Args:
        champion: None where there is none yet; the challenger is scored alone.
        seen: `row_id` of the training rows of both.
        confidence: with which the challenger must be worse to be called so, one-sided.
        seed: of the bootstrap.
        whose: what the champion is called.

    Raises:
        ComparisonError: a model needs a column that the rows lack, or too few rows are unseen.
        DataError: a label is missing, or is no class of the task.
    """
    name = f"trusted test set {rows.source['uri']}"
    check_columns(challenger, rows, whose="challenger")
    table = rows.table([challenger.label])
    row_id = row_id_array(table)
    unseen = ~np.isin(row_id, seen)
    if unseen.sum() < LEAST_ROWS:
        raise ComparisonError(
            name,
            expected=f"at least {LEAST_ROWS} rows that neither model was trained on",
            got=f"{int(unseen.sum())} of {len(unseen)}",
            fix="Refresh it with rows that no training takes.",
        )
    task, metric = challenger.task, metrics.primary_metric(challenger.task).name
    label = task.encode(table[challenger.label])[unseen]
    ours = predictions_of(challenger, rows, row_id[unseen], "challenger")
    figures: dict[str, Any] = {
        "trusted_uri": rows.source["uri"],
        "trusted_digest": rows.digest,
        "trusted_rows": len(label),
        "trusted_dropped_rows": int((~unseen).sum()),
        "trusted_challenger_score": metrics.score(task, label, ours)[metric],
    }
    score = f"{name}, version {rows.digest.removeprefix('sha256:')[:12]}: {metric.replace('_', ' ')} of the challenger "
    score += f"{figures['trusted_challenger_score']:.4g}"
    if champion is None:
        return TrustedTest(False, f"{score}.", figures)
    check_columns(champion, rows, whose=whose)
    theirs = predictions_of(champion, rows, row_id[unseen], whose)
    found = gain(task, label, ours, theirs, confidence=confidence, seed=seed)
    figures |= {
        "trusted_champion_score": metrics.score(task, label, theirs)[metric],
        "trusted_gain": found.value,
        "trusted_gain_lower_bound": found.lower,
        "trusted_gain_upper_bound": found.upper,
    }
    score += f", of {whose} {figures['trusted_champion_score']:.4g}"
    if found.upper < 0.0:
        return TrustedTest(True, f"Keep: the challenger is worse on the {score}.", figures)
    return TrustedTest(False, f"Not shown to be worse on the {score}.", figures)
