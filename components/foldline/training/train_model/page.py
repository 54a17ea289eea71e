"""The report of the final model's training."""

from matplotlib.figure import Figure

from foldline.artifacts import Model
from foldline.report import Page


def model_page(model: Model, losses: list[float]) -> Page:
    """A page with what was trained, its learning curve, and the parity check."""
    page = Page("Final model", f"{model.label} ({model.task.kind}), {model.training['rows']} training rows")
    rows, largest, tolerance = (model.parity[name] for name in ("rows", "largest_difference", "tolerance"))
    page.text(
        f"The exported SavedModel was loaded again and given {rows:.0f} raw rows: its predictions differ from those in "
        f"training by at most {largest:.2g} (tolerance {tolerance:g}).",
        "good",
    )
    page.heading("Learning curve")
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    panel = figure.subplots()
    panel.plot(range(1, len(losses) + 1), losses, marker=".")
    panel.set(xlabel="epoch", ylabel="training loss")
    page.plot(figure)
    page.heading("Expected of it")
    page.text("Means over the folds, on rows that their models were not trained on.")
    page.figures(model.metrics)
    page.heading("Trained with")
    shown = {name: str(value) if isinstance(value, dict) else value for name, value in model.training.items()}
    page.figures(shown)
    page.heading("Raw columns that it takes")
    page.table(["column", "dtype", "tensor"], [[item.name, item.dtype, item.tensor_dtype] for item in model.signature])
    page.heading("Origin")
    page.figures({"model": model.digest, **model.origin})
    return page
