"""Training: how the models of the folds were trained and how well they did; what the final model is trained with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from foldline.artifacts.seal import open_sealed, seal
from foldline.artifacts.task import Task

FORM = "foldline.training/5"
MANIFEST = "training.json"
FIELDS = (
    "label",
    "model",
    "model_code_digest",
    "hyperparameters",
    "start_penalty",
    "epochs",
    "most_epochs",
    "batch_size",
    "learning_rate",
    "learning_rates",
    "seed",
    "fitting",
    "initial_weights_digest",
    "folds",
    "fold_metrics",
    "metrics",
    "figures",
    "curves",
    "origin",
    "facts",
)


@dataclass(frozen=True)
class Training:
    """The training of K folds.

    Attributes:
        model: reference of the function that builds the model; empty for the default one.
        model_code_digest: digest of the source text that holds it.
        hyperparameters: the arguments given to it.
        start_penalty: penalty of the linear models that the default models began with; 0 where they began at zero.
        epochs: the epoch whose weights were kept, the median where the folds stopped apart; the final model is trained
            for as many.
        most_epochs: what a learning-rate schedule is made for.
        batch_size: rows a step, resolved.
        learning_rates: that of each epoch, where callbacks may have set it; else empty. The final model takes the same.
        fitting: optimizer, schedule, loss and so on, as `foldline.training.fitting.settings.Fitting` reads them.
        initial_weights_digest: of the file that every model began with; empty for none.
        folds: number of each fold, in the order of `fold_metrics` and of the columns of `curves`.
        fold_metrics: metrics of each fold on its out-of-fold rows, by name.
        metrics: mean over folds by name, and its standard error (sd / sqrt(K)) as `<name>_standard_error`.
        figures: intervals of the metrics, threshold and calibration, as `foldline.evaluation.figures` gives them.
        curves: `training` and `validation`: a list for each epoch with the loss of each fold.
        origin: digests of dataset, folds and transform.
        facts: mode and its reasons, device, seconds, versions, the epoch that each fold kept.
    """

    task: Task
    label: str
    model: str
    model_code_digest: str
    hyperparameters: dict[str, Any]
    start_penalty: float
    epochs: int
    most_epochs: int
    batch_size: int
    learning_rate: float
    learning_rates: list[float]
    seed: int
    fitting: dict[str, Any]
    initial_weights_digest: str
    folds: list[int]
    fold_metrics: list[dict[str, float]]
    metrics: dict[str, float]
    figures: dict[str, Any]
    curves: dict[str, list[list[float]]]
    origin: dict[str, str]
    facts: dict[str, Any]
    digest: str = ""

    def write(self, path: Path) -> None:
        """Write the training to the new folder `path`."""
        path.mkdir(parents=True)
        content = {"task": self.task.to_json()} | {name: getattr(self, name) for name in FIELDS}
        seal(path, MANIFEST, FORM, content)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The training in the folder `path`.

        Raises:
            ArtifactError: it is torn, edited, or no training.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        fields = {name: manifest[name] for name in FIELDS}
        return cls(task=Task.from_json(manifest["task"]), digest=manifest["seal"], **fields)

    def summary(self) -> dict[str, float]:
        """Figures for the artifact's metadata."""
        return {"epochs": self.epochs, "batch_size": self.batch_size, "folds": len(self.folds), **self.metrics}
