"""The report of the fitted transforms."""

import json
from collections.abc import Mapping
from dataclasses import replace

from foldline.features.fitting import fit
from foldline.features.kinds import Categorical, Feature
from foldline.features.outputs import layout
from foldline.features.specification import Specification, written
from foldline.features.statistics import TableStatistics
from foldline.report import Cell, Page, number


def page(specification: Specification, fitted_on: Mapping[str, TableStatistics]) -> Page:
    """What each column became, how the transforms differ between folds, and the specification as text.

    Args:
        fitted_on: the statistics that each transform was fitted on, by the transform's name; the last one is of all
            training rows.
    """
    outputs = layout(specification)
    features = len(outputs.numeric) + len(outputs.categorical)
    report = Page("Features", f"{len(specification.features)} columns become {features} features")
    report.heading("Columns")
    report.table(
        ["column", "kind", "numeric width", "categories", "how"],
        [_row(specification, name, feature) for name, feature in specification.features.items()],
    )
    if specification.ignored:
        report.heading("Columns that are no features")
        report.table(["column", "reason"], list(specification.ignored.items()))
    report.heading("Differences between folds")
    report.text("Each transform is fitted on the training rows of its own folds only; final is fitted on all of them.")
    report.table(["column", "figure", *fitted_on], _differences(specification, fitted_on))
    report.heading("Specification")
    report.text("Edit this document and pass it as the parameter specification to fix or change the features.")
    report.text(json.dumps(specification.to_json(), ensure_ascii=False))
    return report


def _row(specification: Specification, name: str, feature: Feature) -> list[Cell]:
    alone = layout(replace(specification, columns={name: feature}, derived={}))
    how = ", ".join(f"{key} {value}" for key, value in _settings(feature).items())
    categories = alone.categorical[0].capacity if alone.categorical else None
    return [name, feature.kind, len(alone.numeric) or None, categories, how]


def _settings(feature: Feature) -> dict[str, str]:
    values = [(key, value) for key, value in written(feature).items() if key != "kind"]
    return {key.replace("_", " "): json.dumps(value) if not isinstance(value, str) else value for key, value in values}


def _differences(specification: Specification, fitted_on: Mapping[str, TableStatistics]) -> list[list[Cell]]:
    fits = {name: fit(specification, statistics) for name, statistics in fitted_on.items()}
    rows: list[list[Cell]] = []
    for name, feature in specification.features.items():
        shown: dict[str, list[Cell]] = {}
        if all(name in found for found in fitted_on.values()):
            shown["missing values"] = [found[name].missing for found in fitted_on.values()]
        final = fits[next(reversed(fits))]
        if isinstance(feature, Categorical):
            shown["categories"] = [len(one.vocabularies[name]) + feature.reserved for one in fits.values()]
        if name in final.edges:
            shown["edges"] = [", ".join(map(number, one.edges[name])) for one in fits.values()]
        if name in final.numbers:
            shown["filled with"] = [number(one.numbers[name].fill) for one in fits.values()]
            shown["center"] = [number(one.numbers[name].center) for one in fits.values()]
        rows += [[name, figure, *values] for figure, values in shown.items()]
    return rows
