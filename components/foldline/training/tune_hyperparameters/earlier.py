"""The trials of an earlier search, which another one begins with."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Self

from foldline.artifacts.search import MANIFEST, Search
from foldline.errors import ArgumentError
from foldline.training.places import place_of
from foldline.training.search.definition import Definition
from foldline.training.search.trial import COMPLETED, TrialRecord

WHERE = "field 'warm_start_uri' of the search"


@dataclass(frozen=True)
class Earlier:
    """What an earlier search found.

    Attributes:
        trials: points with a value of each objective.
        best: the point of its best trial, or nothing where it is not of this space.
    """

    trials: list[tuple[dict[str, Any], list[float]]]
    best: list[dict[str, Any]]

    @classmethod
    def read(cls, definition: Definition, environment: Mapping[str, str], say: Callable[[str], None]) -> Self:
        """The trials of the result that `definition` begins with, as far as they lie in its space.

        Raises:
            ArgumentError: there is no such result, or it was judged by another metric.
            ArtifactError: it is torn, edited, or no search.
        """
        content = place_of(definition.warm_start_uri, MANIFEST, environment).read()
        if content is None:
            raise ArgumentError(WHERE, expected=f"a folder with {MANIFEST}", got=definition.warm_start_uri)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / MANIFEST).write_bytes(content)
            found = Search.read(Path(folder))
        before = Definition.parse(found.definition, found.task)
        if before.objective.metric != definition.objective.metric:
            raise ArgumentError(
                WHERE, expected=f"a search by {definition.objective.metric}", got=before.objective.metric
            )
        further = [one.metric for one in definition.further_objectives]
        trials, best = [], []
        for trial in map(TrialRecord.from_json, found.trials):
            if trial.state != COMPLETED or not all(trial.other_values.get(name) for name in further):
                continue
            try:
                point = definition.space.point(trial.parameters, f"trial {trial.number}", whole=True)
            except ArgumentError:
                continue
            values = [fmean(trial.other_values[name].values()) for name in further]
            trials.append((point, [trial.value(definition), *values]))
            if trial.number == found.best["number"]:
                best = [point]
        say(f"begins with {len(trials)} of {len(found.trials)} trials of an earlier search, those that fit this one")
        return cls(trials, best)
