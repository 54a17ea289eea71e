"""The report of a spot check."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foldline.report import Page
from foldline.training.spot_check.families import DUMMY, AnyFamily
from foldline.training.spot_check.findings import NOT_COMPARED, sentences, signal
from foldline.training.spot_check.trial import Trial
from foldline.training.spot_check.verdict import Verdict

# As many as a page is wide; the artifact has all.
SHOWN = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "rmse", "mae", "r2")


def spot_check_page(
    verdict: Verdict,
    trials: Sequence[Trial],
    families: Sequence[AnyFamily],
    *,
    subtitle: str,
    rows_per_fit: int,
    budget_s: float,
) -> Page:
    """A page with the families beside each other, every setting, and what was left out."""
    titles = {family.name: family.title for family in families}
    name = verdict.metric.name
    page = Page("Spot check", subtitle)
    first, *others = sentences(verdict, trials, titles)
    page.text(first, "good" if signal(verdict) else "warn")
    for said in others:
        page.text(said, "warn" if said.startswith(NOT_COMPARED) else "")
    page.heading("Families")
    page.plot(_intervals(verdict, titles))
    page.text(
        "The best setting of each family, on the same folds under the same fold transforms. Bars: 95 % interval of the "
        "mean by the corrected resampled t, which allows for the training rows that folds share."
    )
    metrics = [one for one in SHOWN if one in verdict.best.trial.scores[0].metrics]
    page.table(
        ["family", "setting", *metrics],
        [
            [titles[row.trial.family], row.trial.setting, *(float(np.mean(row.trial.values(one))) for one in metrics)]
            for row in verdict.families
        ],
    )
    page.heading("Settings")
    direction = "higher" if verdict.metric.larger_is_better else "lower"
    page.text(
        f"By {name}, {direction} is better. Standard error: sd / sqrt(folds). p: corrected paired test against the "
        "best setting, after Holm for all settings. Fit: seconds of all folds together; perceptrons are trained as one "
        "program."
    )
    page.table(
        ["family", "setting", name, "standard error", "behind the best", "p", "fit, s", "training rows a fold"],
        [
            [
                row.trial.family,
                row.trial.setting,
                row.interval.value,
                row.standard_error,
                row.behind,
                row.p_value,
                round(row.trial.fit_s, 2),
                row.trial.rows,
            ]
            for row in verdict.rows
        ],
    )
    sampled = [family.title for family in families if family.sampled]
    if sampled:
        page.text(
            f"{' and '.join(sampled).capitalize()}: the cost grows faster than the rows, so a fold's model gets "
            f"{rows_per_fit} of its training rows at most, drawn at random; with all of them it might do better."
        )
    if any(family.name == "mlp" for family in families):
        page.text(
            "Multilayer perceptron: the number of epochs is chosen on the rows that are scored, as train_folds does, "
            "which flatters a little."
        )
    left_out = [[trial.family, trial.setting, trial.fault] for trial in trials if trial.fault]
    if left_out:
        page.heading("Without a score")
        page.text(f"Each family has {budget_s:g} s (time_budget_s).", "warn")
        page.table(["family", "setting", "why"], left_out)
    return page


def _intervals(verdict: Verdict, titles: dict[str, str]) -> Figure:
    rows = verdict.families[::-1]
    figure = Figure(figsize=(8.5, 0.5 * len(rows) + 1.1), layout="constrained")
    panel = figure.subplots()
    for height, row in enumerate(rows):
        quiet = row.trial.family == DUMMY
        values = row.trial.values(verdict.metric.name)
        panel.plot(values, [height] * len(values), "|", color="grey", markersize=9, alpha=0.7)
        panel.plot(
            [row.interval.lower, row.interval.upper],
            [height, height],
            color="grey" if quiet else "tab:blue",
            linewidth=2,
        )
        panel.plot(row.interval.value, height, "o", color="grey" if quiet else "tab:blue")
        if quiet:
            panel.axvline(row.interval.value, color="grey", linestyle=":")
    panel.set_yticks(range(len(rows)), [titles[row.trial.family] for row in rows])
    panel.set_ylim(-0.6, len(rows) - 0.4)
    panel.set_xlabel(f"{verdict.metric.name}: mean, 95 % interval, and each fold")
    return figure
