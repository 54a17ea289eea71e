"""What every place that runs pipelines can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

# What began longer ago counts as dead: a run or rollout that broke off in the middle may say for ever that it goes on.
LONGEST = timedelta(days=7)


@dataclass(frozen=True)
class Run:
    """A run of the pipeline.

    Attributes:
        id: by which the place knows it.
        name: which other runs may have too.
        state: in the place's words.
        ended: whether it does nothing any more, or was told to end.
        address: where people see it.
        left: whether it broke off with the task that followed it, so that another one can take it up.
    """

    id: str
    name: str
    state: str
    ended: bool
    address: str
    left: bool = False


class Backend(Protocol):
    """One pipeline in one place, of the version that was asked for."""

    @property
    def pipeline(self) -> str:
        """Its name."""
        ...

    @property
    def version(self) -> str:
        """Name of the version that runs."""
        ...

    def under_way(self) -> list[Run]:
        """Runs of the pipeline that began within the last week and have not ended."""
        ...

    def named(self, name: str) -> list[Run]:
        """All runs of this name, the oldest first; a run that was started before this call is among them."""
        ...

    def start(self, name: str, description: str, parameters: Mapping[str, Any]) -> None:
        """Start a run.

        Raises RunError where the place refuses, or does not answer: then the run may have begun.
        """
        ...

    def terminate(self, run: Run) -> None:
        """End a run."""
        ...

    def follow(self, run: Run) -> Run:
        """The run as it is when nothing more can be done for it here; one that was left is taken up.

        Raises RunError where it failed, or did not end in time.
        """
        ...
