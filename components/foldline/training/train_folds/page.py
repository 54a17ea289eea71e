"""The report of the folds' training."""

import numpy as np
from matplotlib.figure import Figure

from foldline.artifacts import Predictions
from foldline.artifacts.training import Training
from foldline.evaluation.figures_page import MOST_FOLDS, show_classification, show_metrics
from foldline.evaluation.plots import show_confusion, show_residuals
from foldline.report import Page


def training_page(training: Training, predictions: Predictions) -> Page:
    """A page with the metrics of each fold, learning curves, and plots of the out-of-fold predictions."""
    rows = np.unique(predictions.row_id)
    page = Page(
        "Training of the folds",
        f"{training.label} ({predictions.task.kind}), {len(training.folds)} folds, {len(rows)} rows",
    )
    page.text("Each row is predicted by the model whose training rows it is not among.")
    if predictions.repeat.any():
        page.text(
            "Rows were dealt to folds several times; curves, confusion matrix and residuals are of the first time."
        )
    show_metrics(page, training.figures, training.folds, training.fold_metrics, training.metrics)
    page.heading("Learning curves")
    if training.fitting["stopping"] == "each":
        kept = ", ".join(map(str, training.facts["kept"]))
        page.text(
            f"Each fold keeps the epoch with the lowest loss on its own rows ({kept}); the final model is trained for "
            f"the median, {training.epochs}."
        )
    else:
        page.text(
            f"All folds stop together; the weights of epoch {training.epochs}, where the mean validation loss is "
            "lowest, are kept, and the final model is trained for as many epochs."
        )
    page.plot(_curves(training))
    if predictions.task.is_classification:
        show_classification(page, training.figures, predictions)
        show_confusion(page, predictions.of_repeat(0))
    else:
        show_residuals(page, predictions.of_repeat(0))
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
    if len(training.folds) <= MOST_FOLDS:
        axes[1].legend(fontsize="small")
    return figure
