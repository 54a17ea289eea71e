"""The model that a server answers for, and how far it is: loading, ready, ending."""

from dataclasses import dataclass

from foldline.artifacts import Model
from foldline.serving.server.batching import Batcher, Predict
from foldline.serving.server.metrics import Metrics
from foldline.serving.server.recent import Recent

LOADING, READY, ENDING = "loading the model", "ready", "ending"


@dataclass(frozen=True)
class Batching:
    """Limits of one call of the model: rows, and seconds that its first request waits for others."""

    most_rows: int
    wait_s: float


class Served:
    """One version of one model, behind the batcher that asks it.

    Attributes:
        name: in the server's addresses.
        version: in the store.
        model: its description, known before it is loaded.
        metrics: of this server.
        recent: its last answers.
        state: LOADING, READY or ENDING.
    """

    def __init__(self, model: Model, *, name: str, version: str) -> None:
        self.name, self.version, self.model = name, version, model
        self.metrics = Metrics(name, version, model.task)
        self.recent = Recent(model.task)
        self.state = LOADING
        self._batcher: Batcher | None = None

    @property
    def batcher(self) -> Batcher | None:
        """None until the model is loaded; it answers while the server is ending, too."""
        return self._batcher

    def begin(self, predict: Predict, batching: Batching) -> None:
        """Serve with a model that is loaded and warm."""
        self._batcher = Batcher(
            predict, most_rows=batching.most_rows, wait_s=batching.wait_s, called=self.metrics.called
        )
        if self.state == LOADING:
            self._become(READY)

    def end(self) -> None:
        """Ask for no more requests; those that still come are answered."""
        self._become(ENDING)

    def close(self, timeout_s: float) -> bool:
        """End the batcher, after the last answer; whether it has ended in time."""
        return self._batcher is None or self._batcher.close(timeout_s)

    def _become(self, state: str) -> None:
        self.state = state
        self.metrics.ready(state == READY)
