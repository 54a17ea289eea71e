"""The report of the folds' training."""

import numpy as np
from matplotlib.figure import Figure

from foldline.artifacts import Predictions
from foldline.artifacts.training import Training
from foldline.evaluation import metrics
from foldline.report import Page

MOST_POINTS = 5000


def training_page(training: Training, predictions: Predictions) -> Page:
    """A page with the metrics of each fold, learning curves, and plots of the out-of-fold predictions."""
    task, label, prediction = predictions.task, predictions.label, predictions.prediction
    folds = len(training.folds)
    page = Page("Training of the folds", f"{training.label} ({task.kind}), {folds} folds, {len(label)} rows")
    page.text("Each row is predicted by the model whose training rows it is not among.")
    page.heading("Metrics")
    names = list(training.fold_metrics[0])
    rows: list[list[str | float | None]] = [
        [f"fold {fold}", *scores.values()] for fold, scores in zip(training.folds, training.fold_metrics, strict=True)
    ]
    rows.append(["mean", *(training.metrics[name] for name in names)])
    rows.append(["standard error", *(training.metrics.get(f"{name}_standard_error") for name in names)])
    page.table(["", *names], rows)
    page.heading("Learning curves")
    page.text(
        f"All folds stop together; the weights of epoch {training.epochs}, where the mean validation loss is lowest, "
        "are kept, and the final model is trained for as many epochs."
    )
    page.plot(_curves(training))
    if task.kind == "binary":
        page.heading("ROC curves")
        page.plot(_roc(training, predictions))
    if task.is_classification:
        page.heading("Confusion matrix")
        counts = metrics.confusion(task, label, prediction)
        header = ["true class", *(f"predicted {name}" for name in task.classes), "rows"]
        page.table(header, [[name, *row, sum(row)] for name, row in zip(task.classes, counts, strict=True)])
    else:
        page.heading("Residuals")
        page.plot(_residuals(predictions))
    page.heading("Trained with")
    page.figures(
        {
            "model": training.model or "default perceptron",
            "hyperparameters": str(training.hyperparameters or "defaults"),
            "batch size": training.batch_size,
            "learning rate": training.learning_rate,
            "seed": training.seed,
            **training.facts,
            **training.origin,
        }
    )
    return page


def _curves(training: Training) -> Figure:
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for panel, name in zip(axes, ("training", "validation"), strict=True):
        losses = np.array(training.curves[name])
        # The validation curve of a model with a linear start has one point more: epoch 0.
        epochs = np.arange(len(losses)) + len(training.curves["training"]) - len(losses) + 1
        for index, fold in enumerate(training.folds):
            panel.plot(epochs, losses[:, index], marker=".", linewidth=1, alpha=0.7, label=f"fold {fold}")
        panel.plot(epochs, losses.mean(axis=1), color="black", linewidth=2, label="mean")
        panel.axvline(training.epochs, color="grey", linestyle=":")
        panel.set(title=f"{name} loss", xlabel="epoch", ylabel="loss")
    axes[1].legend(fontsize="small")
    return figure


def _roc(training: Training, predictions: Predictions) -> Figure:
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    panel = figure.subplots()
    for fold in training.folds:
        own = predictions.fold == fold
        false_rate, true_rate, _ = metrics.roc_points(predictions.label[own], predictions.prediction[own])
        panel.plot(false_rate, true_rate, linewidth=1, label=f"fold {fold}")
    panel.plot([0, 1], [0, 1], color="grey", linestyle=":")
    panel.set(xlabel="false positive rate", ylabel="true positive rate")
    panel.legend(fontsize="small")
    return figure


def _residuals(predictions: Predictions) -> Figure:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    against, spread = figure.subplots(1, 2)
    predicted = predictions.prediction[:, 0]
    residual = predictions.label - predicted
    step = -(-len(residual) // MOST_POINTS)
    against.scatter(predicted[::step], residual[::step], s=6, alpha=0.4, rasterized=True)
    against.axhline(0, color="grey", linestyle=":")
    against.set(title="Residual by prediction", xlabel="prediction", ylabel="label minus prediction")
    spread.hist(residual, bins=40)
    spread.set(title="Residuals", xlabel="label minus prediction", ylabel="rows")
    return figure
