"""The report of a diagnosis."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foldline.evaluation.metrics import PrimaryMetric
from foldline.evaluation.resampled import corrected_interval
from foldline.report import Page
from foldline.training.diagnose_training.batches import Batches
from foldline.training.diagnose_training.diagnosis import RULES, Diagnosis
from foldline.training.diagnose_training.learning_curve import LearningCurve

# One of each kind; the artifact has all.
SHOWN = ("roc_auc", "log_loss", "accuracy", "rmse", "mae", "r2")


def diagnosis_page(
    found: Diagnosis,
    curve: LearningCurve,
    tried: list[Batches],
    metric: PrimaryMetric,
    test_ratio: float,
    subtitle: str,
) -> Page:
    """A page with what the figures say, the learning curve, the errors by epoch, and the sizes of the batches."""
    page = Page("Diagnosis of the training", subtitle)
    for sentence in found.sentences:
        page.text(sentence)
    page.heading("Is there enough data?")
    page.plot(_by_size(found, curve, test_ratio))
    law = curve.doubling
    page.text(
        "Each fold is trained on nested random subsets of its training rows and scored on the same rows at every size, "
        "each time trained as train_folds would train so many rows. The fold's transform has seen all its training "
        "rows. The subsets are random, so the curve tells of more rows of the same kind, not of other times or groups."
    )
    page.text(
        f"Fitted: {curve.metric} = {law.floor:.4g} + {law.amount:.3g} x rows^-{law.exponent:.2g}. Bars: 95 % interval "
        "by the corrected resampled t; they are wide where folds differ alike at every size, which the fall of the "
        "curve does not depend on."
    )
    names = [name for name in SHOWN if name in curve.scores[0][0]]
    page.table(
        ["training rows a fold", "epochs", *names],
        [
            [round(float(rows)), epoch, *(float(np.mean([own[name] for own in scores])) for name in names)]
            for rows, epoch, scores in zip(curve.rows, curve.epochs, curve.scores, strict=True)
        ],
    )
    page.heading("Bias and variance")
    page.plot(_by_epoch(found, curve))
    page.table(
        ["rows", *names],
        [
            [title, *(float(np.mean([own[name] for own in scores])) for name in names)]
            for title, scores in (
                ("constant prediction", curve.constant),
                ("training rows", curve.seen),
                ("unseen rows", curve.scores[-1]),
            )
        ],
    )
    page.text(RULES)
    page.heading("Size of the batches")
    page.plot(_by_batch(tried, found.batches, metric))
    page.table(
        ["rows a step", metric.name, "standard error", "s an epoch", "epochs", "kept epoch"],
        [
            [one.size, one.mean, one.standard_error, one.seconds, one.epochs, one.kept]
            for one in sorted(tried, key=lambda one: one.size)
        ],
    )
    page.text(
        f"Recommended: {found.batches.size}. Of the sizes that are at most one standard error of the paired difference "
        "behind the best, it reaches its kept epoch in the least time. Learning rate and most epochs are the same for "
        "all."
    )
    return page


def _by_size(found: Diagnosis, curve: LearningCurve, test_ratio: float) -> Figure:
    figure = Figure(figsize=(8.5, 4.0), layout="constrained")
    panel = figure.subplots()
    law = curve.doubling
    for rows, errors in zip(curve.rows, curve.errors().T, strict=True):
        interval = corrected_interval(errors, test_ratio)
        panel.plot([rows, rows], [interval.lower, interval.upper], color="tab:blue", linewidth=2)
        panel.plot(rows, interval.value, "o", color="tab:blue")
        panel.plot([rows] * len(errors), errors, "_", color="grey", alpha=0.7)
    along = np.geomspace(curve.rows[0], law.rows, 60)
    panel.plot(along, law.at(along), color="tab:orange", label="power law")
    beyond = np.geomspace(law.rows, 2 * law.rows, 20)
    panel.plot(beyond, law.at(beyond), color="tab:orange", linestyle="--")
    least, most = law.now - law.upper, law.now - law.lower
    panel.plot([2 * law.rows] * 2, [least, most], color="tab:orange", linewidth=2)
    panel.plot(2 * law.rows, law.then, "o", color="tab:orange", fillstyle="none", label="twice the rows")
    panel.axhline(found.constant, color="grey", linestyle=":", label="constant prediction")
    panel.set_xscale("log")
    ticks = [*curve.rows, 2 * law.rows]
    panel.set_xticks(ticks, [f"{round(tick):,}".replace(",", " ") for tick in ticks])
    panel.set_xticks([], minor=True)
    panel.set(xlabel="training rows of a fold", ylabel=f"{curve.metric} on unseen rows")
    panel.legend(fontsize="small")
    return figure


def _by_epoch(found: Diagnosis, curve: LearningCurve) -> Figure:
    figure = Figure(figsize=(8.5, 3.4), layout="constrained")
    panel = figure.subplots()
    for name, values in curve.curves.items():
        epochs = np.arange(len(values)) + curve.first_epoch
        panel.plot(epochs, values, marker=".", label={"training": "training rows", "validation": "unseen rows"}[name])
    panel.axhline(found.constant, color="grey", linestyle=":", label="constant prediction")
    panel.axvline(curve.epochs[-1], color="grey", linestyle="--", label="best epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set(xlabel="epoch", ylabel=curve.metric)
    panel.legend(fontsize="small")
    return figure


def _by_batch(tried: list[Batches], best: Batches, metric: PrimaryMetric) -> Figure:
    figure = Figure(figsize=(8.5, 3.2), layout="constrained")
    score, seconds = figure.subplots(1, 2)
    ordered = sorted(tried, key=lambda one: one.size)
    sizes = [one.size for one in ordered]
    score.errorbar(sizes, [one.mean for one in ordered], [one.standard_error for one in ordered], marker="o", capsize=3)
    seconds.plot(sizes, [one.seconds for one in ordered], marker="o")
    for panel, name in ((score, f"{metric.name}, mean and standard error"), (seconds, "seconds an epoch, all folds")):
        panel.axvline(best.size, color="grey", linestyle="--")
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, [str(size) for size in sizes])
        panel.set(title=name, xlabel="rows a step")
    seconds.set_ylim(bottom=0)
    return figure
