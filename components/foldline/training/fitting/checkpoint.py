"""Checkpoints of a training: from them a killed task goes on, and ends with the same result."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from urllib3.exceptions import HTTPError

from foldline.errors import FoldlineError
from foldline.training.places import place_of

FORM = "foldline.checkpoint/2"
# A checkpoint is written when training has lasted this many times as long as writing one takes.
WORTH = 20.0
NOTES = "notes"


class Checkpoint:
    """The checkpoint of one training, found again by what determines its result.

    Args:
        uri: folder, or `s3://` or `minio://` address; one may serve many trainings.
        identity: everything that the result depends on, as JSON values.
        say: takes a line where a checkpoint is found or cannot be used.
    """

    def __init__(self, uri: str, identity: Mapping[str, Any], environment: Mapping[str, str], say: Any = print) -> None:
        versions = {name: version(name) for name in ("jax", "keras")}
        text = json.dumps({"form": FORM, "versions": versions, **identity}, sort_keys=True)
        self._identity = hashlib.sha256(text.encode()).hexdigest()
        name = f"{self._identity[:32]}.npz"
        self._place = place_of(uri, name, environment)
        self._say, self._written, self._cost = say, time.monotonic(), 0.0

    def load(self) -> tuple[dict[str, Any], list[Any]] | None:
        """Notes and arrays of the last checkpoint; None where there is none that can be read."""
        content = self._place.read()
        if content is None:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                notes = json.loads(str(stored[NOTES]))
                arrays = [stored[f"{index:05}"] for index in range(notes["arrays"])]
                for index, name in notes["dtypes"].items():
                    arrays[int(index)] = arrays[int(index)].view(jax.numpy.dtype(name))
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as fault:
            self._say(f"the checkpoint cannot be read ({type(fault).__name__}): training begins anew")
            return None
        return notes, arrays

    @property
    def due(self) -> bool:
        """Whether writing costs little beside what has been trained since the last one."""
        return time.monotonic() - self._written >= WORTH * self._cost

    def save(self, notes: Mapping[str, Any], tree: Any) -> None:
        """Write notes and the arrays of `tree`."""
        began = time.monotonic()
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
        file = io.BytesIO()
        # NumPy's files know no bfloat16 and its like: they hold the bits.
        strange = {index: leaf.dtype.name for index, leaf in enumerate(leaves) if leaf.dtype.kind == "V"}
        named = {
            f"{index:05}": leaf.view(f"u{leaf.itemsize}") if index in strange else leaf
            for index, leaf in enumerate(leaves)
        }
        text = np.array(json.dumps({**notes, "arrays": len(leaves), "dtypes": strange}))
        np.savez(file, allow_pickle=False, **{NOTES: text}, **named)
        try:
            self._place.write(file.getvalue())
        except HTTPError as fault:
            # A store that is away for a while must not end a training of hours.
            self._say(f"no checkpoint: {type(fault).__name__}; training goes on")
        self._written = time.monotonic()
        self._cost = self._written - began

    def remove(self) -> None:
        """Remove it, once the result is written; where that is refused, it stays."""
        try:
            self._place.remove()
        except (FoldlineError, HTTPError) as fault:
            self._say(f"the checkpoint stays: {fault}")
