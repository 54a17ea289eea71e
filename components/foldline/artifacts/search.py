"""Search: all trials of a search for hyperparameters, which of them was chosen, and what its score is worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from foldline.artifacts.seal import open_sealed, seal
from foldline.artifacts.task import Task

FORM = "foldline.search/1"
MANIFEST = "search.json"
FIELDS = (
    "label",
    "definition",
    "engine",
    "engine_facts",
    "base",
    "folds",
    "trials",
    "best",
    "one_standard_error",
    "front",
    "estimate",
    "importance",
    "convergence",
    "tuned",
    "stopped_between_folds",
    "fold_fits",
    "seconds",
    "origin",
)


@dataclass(frozen=True)
class Search:
    """The result of a search, the same from every engine.

    Attributes:
        definition: as `foldline.training.search.definition.Definition` reads it, with every default.
        engine: `optuna` or `katib`.
        engine_facts: versions, names of objects, why the search ended.
        base: settings of the training before a trial's parameters go in.
        folds: the folds that trials were scored on, in the order in which they were trained.
        trials: as `foldline.training.search.trial.TrialRecord` reads them.
        best: `number` of the best trial, its `value`, `mean` and `standard_error` over folds, and its `parameters`.
        one_standard_error: the simplest trial that is within one standard error of the best: `number`, `value`,
            `parameters`, `bound`, `measure` (what simple is measured by) and `size` in it.
        front: numbers of the trials that no other beats in every objective; empty where there is one objective.
        estimate: `method`, `value`, `selection_score` of the best trial, `optimism` between the two, and what it is
            made of; `value` is None where it cannot be told.
        importance: `method`, `values` by parameter (they sum to 1), and what they are of; no `values` where there
            are too few trials.
        convergence: for each completed trial as it ended: `trial`, `fold_fits` until then, `value`, `best` so far.
        tuned: settings of the training with the parameters of the best trial, for `train_folds` and `train_model`.
        stopped_between_folds: whether trials could end before their last fold.
        fold_fits: trainings of one trial on one fold.
        seconds: of the whole search.
        origin: digests of dataset, folds, transform and model code.
    """

    task: Task
    label: str
    definition: dict[str, Any]
    engine: str
    engine_facts: dict[str, Any]
    base: dict[str, Any]
    folds: list[int]
    trials: list[dict[str, Any]]
    best: dict[str, Any]
    one_standard_error: dict[str, Any]
    front: list[int]
    estimate: dict[str, Any]
    importance: dict[str, Any]
    convergence: list[dict[str, Any]]
    tuned: dict[str, Any]
    stopped_between_folds: bool
    fold_fits: int
    seconds: float
    origin: dict[str, str]
    digest: str = ""

    @property
    def exhaustive_fold_fits(self) -> int:
        """Trainings that all trials on all folds would have been."""
        return len(self.trials) * len(self.folds)

    def states(self) -> dict[str, int]:
        """Number of trials by state."""
        found = [trial["state"] for trial in self.trials]
        return {state: found.count(state) for state in sorted(set(found))}

    def write(self, path: Path) -> None:
        """Write the search to the new folder `path`."""
        path.mkdir(parents=True)
        content = {"task": self.task.to_json()} | {name: getattr(self, name) for name in FIELDS}
        seal(path, MANIFEST, FORM, content)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The search in the folder `path`.

        Raises:
            ArtifactError: it is torn, edited, or no search.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        fields = {name: manifest[name] for name in FIELDS}
        return cls(task=Task.from_json(manifest["task"]), digest=manifest["seal"], **fields)

    def summary(self) -> dict[str, float]:
        """Figures for the artifact's metadata."""
        estimate = {} if self.estimate["value"] is None else {"estimate": self.estimate["value"]}
        return {
            "trials": len(self.trials),
            **{f"trials_{state}": count for state, count in self.states().items()},
            "fold_fits": self.fold_fits,
            "selection_score": self.best["mean"],
            **estimate,
            "seconds": self.seconds,
        }
