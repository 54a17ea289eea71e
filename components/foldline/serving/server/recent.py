"""The last answers, kept for a while so that what two servers said to one request can be compared."""

import uuid
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task

MOST_ROWS = 16_384
# An answer with more rows is not kept: it would push out many others.
MOST_ROWS_EACH = 256
PAGE = 1000


class Recent:
    """Identities of the last requests and what was predicted for their rows; for one thread.

    Of a row one number is kept, as `said` gives it.
    """

    def __init__(self, task: Task, *, most_rows: int = MOST_ROWS) -> None:
        self._task, self._most_rows = task, most_rows
        self._kept: deque[tuple[str, list[float]]] = deque()
        self._rows, self._first = 0, 0
        # Numbers of answers mean something only for the process that gave them.
        self._epoch = uuid.uuid4().hex

    def add(self, identity: str, predictions: NDArray[np.float32]) -> None:
        """Keep an answer; shape (n_rows, n_outputs). One without identity, or with many rows, is not kept."""
        if not identity or len(predictions) > MOST_ROWS_EACH:
            return
        self._kept.append((identity, said(self._task, predictions)))
        self._rows += len(predictions)
        while self._rows > self._most_rows:
            self._rows -= len(self._kept.popleft()[1])
            self._first += 1

    def after(self, number: int) -> dict[str, Any]:
        """At most PAGE answers from this number on, or from the oldest that is kept: `epoch`, `next` (the number to ask
        for then) and `answers`, each with identity and numbers."""
        begin = max(number - self._first, 0)
        page = [self._kept[place] for place in range(begin, min(begin + PAGE, len(self._kept)))]
        return {"epoch": self._epoch, "next": self._first + begin + len(page), "answers": page}


def said(task: Task, predictions: NDArray[np.float32]) -> list[float]:
    """Of each row the index of the predicted class, of a binary task 1 from a probability of 0.5 on; or the value.

    Args:
        predictions: shape (n_rows, n_outputs).
    """
    if task.outputs > 1:
        values = predictions.argmax(axis=1)
    elif task.is_classification:
        values = (predictions[:, 0] >= 0.5).astype(np.int64)
    else:
        values = predictions[:, 0]
    return [float(value) for value in values]
