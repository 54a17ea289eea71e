"""The report of a validation: the findings, and a summary and a small plot of each column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from foldline.artifacts.dataset import Dataset
from foldline.data.validate_data.findings import ERROR, Finding
from foldline.data.validate_data.statistics import statistics_of
from foldline.report import Cell, Page, number

MOST_PLOTS = 20
_PLOTS_IN_A_ROW = 4
_TOP_VALUES = 5
_TONES = {"pass": "good", "warn": "warn", "fail": "bad"}


def validation_page(
    dataset: Dataset, table: pa.Table, statistics: Any, findings: Sequence[Finding], verdict: str, given: bool
) -> Page:
    """The page.

    Args:
        given: whether the schema was given, or inferred from this dataset.
    """
    page = Page("Validation", dataset.source.get("uri", ""))
    errors = sum(finding.severity == ERROR for finding in findings)
    page.text(f"Verdict: {verdict}. {errors} errors, {len(findings) - errors} warnings.", _TONES[verdict])
    page.figures({"rows": dataset.rows, "columns": len(dataset.columns), "label": dataset.label or "none"})
    page.text("Held against the schema that was given." if given else "The schema was inferred from this dataset.")
    if findings:
        page.heading("Findings")
        header = ["severity", "column", "what", "evidence", "rows that show it", "what to do"]
        page.table(header, [_finding(item) for item in findings])
    if dataset.exclusions:
        page.heading("Left out at ingestion")
        page.table(["reason", "rows"], [[item["reason"], item["rows"]] for item in dataset.exclusions])
    page.heading("Columns")
    header = ["column", "type", "missing", "distinct", "min", "mean", "max", "most frequent values"]
    page.table(header, [_row(column.name, column.dtype, table, statistics) for column in dataset.columns])
    names = [column.name for column in dataset.columns if table[column.name].null_count < table.num_rows]
    if names:
        page.heading("Distributions")
        if len(names) > MOST_PLOTS:
            page.text(f"The first {MOST_PLOTS} of {len(names)} columns.")
        page.plot(_plots(names[:MOST_PLOTS], {item.name: item.dtype for item in dataset.columns}, statistics))
    return page


def _finding(item: Finding) -> list[Cell]:
    shown = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in item.examples)
    return [item.severity, item.column, item.what, item.evidence, shown, item.advice]


def _row(name: str, dtype: str, table: pa.Table, statistics: Any) -> list[Cell]:
    values = table[name]
    missing = values.null_count / max(len(values), 1)
    row: list[Cell] = [name, dtype, f"{missing:.1%}", int(pc.count_distinct(values, mode="only_valid").as_py())]
    described = statistics_of(statistics, name)
    if described is None or values.null_count == len(values):
        return [*row, None, None, None, None]
    if described.WhichOneof("stats") == "string_stats":
        buckets = described.string_stats.rank_histogram.buckets[:_TOP_VALUES]
        top = ", ".join(f"{bucket.label} ({number(int(bucket.sample_count))})" for bucket in buckets)
        return [*row, None, None, None, top]
    figures = described.num_stats
    if dtype == "timestamp":
        shown = [datetime.fromtimestamp(value / 1e6, UTC).strftime("%Y-%m-%d %H:%M") for value in
                 (figures.min, figures.mean, figures.max)]  # fmt: skip
        return [*row, *shown, None]
    return [*row, figures.min, figures.mean, figures.max, None]


def _plots(names: Sequence[str], dtypes: dict[str, str], statistics: Any) -> Figure:
    rows = -(-len(names) // _PLOTS_IN_A_ROW)
    figure = Figure(figsize=(11, 1.9 * rows))
    axes = figure.subplots(rows, _PLOTS_IN_A_ROW, squeeze=False, gridspec_kw={"hspace": 0.55, "wspace": 0.3}).ravel()
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes, names, strict=False):
        described: Any = statistics_of(statistics, name)
        axis.set_title(_short(name), fontsize=8)
        axis.tick_params(labelsize=6)
        if described.WhichOneof("stats") == "string_stats":
            buckets = described.string_stats.rank_histogram.buckets[:8]
            axis.bar([_short(bucket.label, 8) for bucket in buckets], [bucket.sample_count for bucket in buckets])
            axis.tick_params(axis="x", labelrotation=20)
        else:
            scale = 86_400e6 if dtypes[name] == "timestamp" else 1.0
            buckets = described.num_stats.histograms[0].buckets
            left = [bucket.low_value / scale for bucket in buckets]
            width = [(bucket.high_value - bucket.low_value) / scale for bucket in buckets]
            height = [bucket.sample_count for bucket in buckets]
            axis.bar(left, height, width=[each or 1.0 for each in width], align="edge")
            if dtypes[name] == "timestamp":
                axis.xaxis_date()
                axis.tick_params(axis="x", labelrotation=20)
    return figure


def _short(text: str, length: int = 24) -> str:
    # matplotlib reads text between two dollar signs as a formula.
    return (text if len(text) <= length else f"{text[: length - 1]}…").replace("$", r"\$")
