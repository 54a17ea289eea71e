"""Findings: what is wrong, or may be, with a table's columns, rows and label."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts.identity import column_hash, content_hash, occurrence, unit_interval
from foldline.artifacts.task import Task, infer_task
from foldline.errors import DataError

ERROR, WARNING = "error", "warning"
MOST_EXAMPLES = 3
# `row_id` and the values that show a finding, as text.
Example = dict[str, str]


@dataclass(frozen=True)
class Policy:
    """Thresholds.

    Attributes:
        most_missing: a column with a larger share of missing values gets a warning.
        most_duplicates: a larger share of rows that repeat another gets a warning.
        smallest_class: a class with a smaller share of the rows, or fewer than `smallest_class_rows`, gets a warning.
        leakage: a column that alone orders a binary label with a larger area under the ROC curve, names the class of a
            larger share of rows, or has a larger absolute rank correlation with a regression's label, gets a warning.
        sample_rows: at most this many rows are looked at for leakage.
        least_rows: fewer rows get no judgement of identifiers and leakage.
    """

    most_missing: float = 0.5
    most_duplicates: float = 0.01
    smallest_class: float = 0.01
    smallest_class_rows: int = 10
    leakage: float = 0.98
    sample_rows: int = 20_000
    least_rows: int = 50


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        severity: `error` or `warning`.
        column: the column, empty where the whole table is meant.
        what: what was found, in a few words.
        evidence: the figures.
        advice: what to do.
        examples: rows that show it: `row_id` and the values in question.
    """

    severity: str
    column: str
    what: str
    evidence: str
    advice: str
    examples: tuple[Example, ...] = ()

    @property
    def sentence(self) -> str:
        place = f"column {self.column!r}" if self.column else "table"
        return f"{place}: {self.what} ({self.evidence})"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "examples": list(self.examples)}


def examples_of(table: pa.Table, rows: NDArray[np.bool_], columns: list[str]) -> tuple[Example, ...]:
    """The first rows of `rows`, with their `row_id` and values in `columns`.

    Args:
        rows: shape (n_rows,): which rows show the finding.
    """
    chosen = table.select(["row_id", *columns]).take(pa.array(np.flatnonzero(rows)[:MOST_EXAMPLES]))
    return tuple({name: _shown(value) for name, value in row.items()} for row in chosen.to_pylist())


def _shown(value: Any) -> str:
    text = "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def find(table: pa.Table, label: str, policy: Policy) -> list[Finding]:
    """The findings that need no schema, errors first.

    Args:
        table: the rows; `row_id` and all columns.
        label: name of the label column; empty where there is none.
    """
    features = table.drop(["row_id"])
    found: list[Finding] = []
    for name in features.column_names:
        found += _of_column(features[name], name, label, policy)
    found += _same_columns(features, label)
    found += _duplicate_rows(features, policy)
    if label:
        found += _of_label(table, label, policy)
    return sorted(found, key=lambda finding: finding.severity != ERROR)


def _of_column(values: pa.ChunkedArray, name: str, label: str, policy: Policy) -> list[Finding]:
    rows = len(values)
    if values.null_count == rows:
        if name == label:
            return []
        advice = "Leave it out; the transform drops it."
        return [Finding(WARNING, name, "no values", f"{rows} rows, all missing", advice)]
    found = []
    if pa.types.is_floating(values.type):
        infinite = pc.sum(pc.is_inf(values)).as_py()
        if infinite:
            advice = "Correct them at the source, or leave the rows out with where."
            found.append(Finding(ERROR, name, "infinite numbers", f"{infinite} of {rows} rows", advice))
    missing = values.null_count / rows
    if missing > policy.most_missing:
        advice = "Check the source; leave the column out if it is not known at prediction time."
        found.append(Finding(WARNING, name, "mostly missing", f"{missing:.1%} of {rows} rows", advice))
    distinct = pc.count_distinct(values, mode="only_valid").as_py()
    if distinct == 1 and not values.null_count and name != label:
        value = str(values[0].as_py())[:40]
        found.append(Finding(WARNING, name, "only one value", f"{value!r} in each row", "Leave it out."))
    present = rows - values.null_count
    if pa.types.is_string(values.type) and distinct == present >= policy.least_rows and name != label:
        advice = "It looks like an identifier: leave it out, or name it in key_columns."
        found.append(Finding(WARNING, name, "different text in each row", f"{distinct} values", advice))
    return found


def _same_columns(features: pa.Table, label: str) -> list[Finding]:
    seen: dict[bytes, str] = {}
    found = []
    for name in features.column_names:
        if features[name].null_count == features.num_rows:
            continue
        content = column_hash(features[name]).tobytes()
        first = seen.setdefault(content, name)
        if first != name:
            kept, copy = (name, first) if name == label else (first, name)
            advice = f"Leave {copy!r} out."
            found.append(Finding(WARNING, copy, f"the same values as column {kept!r}", "in each row", advice))
    return found


def _duplicate_rows(features: pa.Table, policy: Policy) -> list[Finding]:
    repeated = int((occurrence(content_hash(features, features.column_names)) > 0).sum())
    share = repeated / max(features.num_rows, 1)
    if share <= policy.most_duplicates:
        return []
    advice = "Remove them, or keep them together with group_column: copies on both sides flatter the scores."
    return [Finding(WARNING, "", "rows that repeat another row", f"{repeated} rows, {share:.1%}", advice)]


def _of_label(table: pa.Table, label: str, policy: Policy) -> list[Finding]:
    if label not in table.column_names:
        return [Finding(ERROR, label, "no such column", "it is the label", "Name the label in ingest_dataset.")]
    values = table[label]
    if values.null_count:
        evidence = f"{values.null_count} of {len(values)} rows"
        return [Finding(ERROR, label, "label without a value", evidence, "Leave such rows out in ingest_dataset.")]
    try:
        task = infer_task(values, label)
    except DataError as fault:
        return [Finding(ERROR, label, "no label to learn", f"{fault.got} instead of {fault.expected}", fault.fix)]
    encoded = task.encode(values)
    found = _class_balance(task, encoded, label, policy) if task.is_classification else []
    if table.num_rows >= policy.least_rows:
        found += _leakage(table, task, encoded, label, policy)
    return found


def _class_balance(task: Task, encoded: NDArray[np.float32], label: str, policy: Policy) -> list[Finding]:
    counts = Counter(dict(enumerate(np.bincount(encoded.astype(np.int64), minlength=len(task.classes)).tolist())))
    rare, rows = min(counts.items(), key=lambda item: item[1])
    if rows >= policy.smallest_class_rows and rows / len(encoded) >= policy.smallest_class:
        return []
    evidence = f"class {task.classes[rare]!r} has {rows} of {len(encoded)} rows"
    return [Finding(WARNING, label, "a rare class", evidence, "Look at average precision; give more of its rows.")]


def _leakage(table: pa.Table, task: Task, encoded: NDArray[np.float32], label: str, policy: Policy) -> list[Finding]:
    place = unit_interval(np.asarray(table["row_id"].to_numpy(), dtype=np.int64), "foldline leakage")
    sample = np.sort(np.argsort(place)[: policy.sample_rows])
    half = place[sample] < np.median(place[sample])
    names = [name for name in table.column_names if name not in ("row_id", label)]
    rows = table.select(names).take(pa.array(sample))
    target = encoded[sample].astype(np.float64)
    measure = {"binary": "area under the ROC curve", "multiclass": "share of rows whose class it names"}
    found = []
    for name in names:
        score = strength(rows[name], target, half, task)
        if score > policy.leakage:
            evidence = f"{measure.get(task.kind, 'rank correlation')} {score:.4f} on {len(sample)} rows"
            advice = "Leave it out if it is not known when the prediction is made."
            found.append(Finding(WARNING, name, "predicts the label almost alone: possible leakage", evidence, advice))
    return found


def strength(column: pa.ChunkedArray, target: NDArray[np.float64], half: NDArray[np.bool_], task: Task) -> float:
    """How well one column alone gives the label, in [0, 1]; 0 where it has less than two values.

    Classes: numbers are cut into at most 64 bins of equal count, text stays; what the bins say in one half of the rows
    is scored on the other half, so that a bin of its own for each row earns nothing. Regression: absolute rank
    correlation (Spearman) of numbers.

    Args:
        target: shape (n_rows,): index of the class, or the value.
        half: shape (n_rows,): the rows that the bins learn from.
    """
    if task.kind == "regression":
        if pa.types.is_string(column.type):
            return 0.0
        numbers = _numbers(column)
        known = ~np.isnan(numbers)
        if known.sum() < 10:
            return 0.0
        ranks = np.stack([_ranks(numbers[known]), _ranks(target[known])])
        if not ranks.std(axis=1).all():
            return 0.0
        return abs(float(np.asarray(np.corrcoef(ranks))[0, 1])) * float(known.mean())
    bins = _bins(column, half)
    if len(np.unique(bins)) < 2 or len(np.unique(target)) < 2:
        return 0.0
    classes = target.astype(np.int64)
    width = int(classes.max()) + 1
    counts = np.zeros((int(bins.max()) + 1, width))
    np.add.at(counts, (bins[half], classes[half]), 1.0)
    prior = np.bincount(classes[half], minlength=width) / max(int(half.sum()), 1)
    chance = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1.0)
    said, true = chance[bins[~half]], classes[~half]
    if task.kind == "binary":
        return _roc_auc(said[:, 1], true == 1) if width == 2 else 0.0
    named = float((said.argmax(axis=1) == true).mean())
    # A class that nearly all rows have is named by anything.
    return named if (true == prior.argmax()).mean() < 0.9 else 0.0


def _bins(column: pa.ChunkedArray, half: NDArray[np.bool_]) -> NDArray[np.int64]:
    if pa.types.is_string(column.type):
        return np.unique(column_hash(column), return_inverse=True)[1].reshape(-1).astype(np.int64)
    numbers = _numbers(column)
    known = numbers[half & ~np.isnan(numbers)]
    values = np.unique(known)
    edges = values if len(values) <= 64 else np.unique(np.quantile(known, np.linspace(0, 1, 65)[1:-1]))
    place = np.searchsorted(edges, numbers, side="right")
    return np.where(np.isnan(numbers), len(edges) + 1, place).astype(np.int64)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    whole = column.cast(pa.int64()) if not pa.types.is_floating(column.type) else column
    numbers = np.asarray(pc.fill_null(whole.cast(pa.float64(), safe=False), np.nan).to_numpy(), dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing their mean rank; shape kept."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place.reshape(-1)], dtype=np.float64)


def _roc_auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by the rank sum; 0 where one class is absent."""
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.0
    ranks = float(_ranks(score)[positive].sum())
    return (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
