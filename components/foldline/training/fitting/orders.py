"""Which rows each model sees, and when."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int32]
LARGEST_CHUNK = 4096


def seed_of(seed: int, *numbers: int) -> np.random.SeedSequence:
    """Entropy for one purpose: of a fold, or of one epoch of a fold. Fold -1 is the model of all training rows."""
    return np.random.SeedSequence([seed, *(number + 1 for number in numbers)])


def steps_of(positions: Sequence[Positions], batch_size: int) -> NDArray[np.int32]:
    """Steps of an epoch of each model; the last partial batch is dropped."""
    return np.array([len(own) // batch_size for own in positions], dtype=np.int32)


def epoch_order(
    positions: Sequence[Positions], folds: Iterable[int], *, seed: int, epoch: int, batch_size: int, length: int = 0
) -> tuple[Positions, NDArray[np.int32]]:
    """The batches of one epoch: each fold's own rows in an order of its own, the last partial batch dropped.

    Args:
        length: number of steps that the order has room for; the most of these folds when 0.

    Returns:
        `order`, shape (length, K, batch_size), and `steps`, shape (K,), as `Stack.train_epoch` takes them.
    """
    steps = steps_of(positions, batch_size)
    order = np.zeros((length or steps.max(), len(positions), batch_size), dtype=np.int32)
    shown: dict[int, Positions] = {}
    for index, (own, fold) in enumerate(zip(positions, folds, strict=True)):
        # A fold that is there several times has one order.
        if fold not in shown:
            shown[fold] = np.random.default_rng(seed_of(seed, fold, epoch)).permutation(own)
        shuffled = shown[fold]
        order[: steps[index], index] = shuffled[: steps[index] * batch_size].reshape(-1, batch_size)
    return order, steps


def evaluation_chunks(
    positions: Sequence[Positions], most: int = LARGEST_CHUNK, longest: int = 0
) -> tuple[Positions, NDArray[np.int32]]:
    """The rows of each fold in chunks of at most `most`, padded with row 0; as `Stack.evaluate` takes them.

    Args:
        longest: number of rows that the chunks have room for; those of the largest fold when 0.
    """
    counts = np.array([len(own) for own in positions], dtype=np.int32)
    longest = longest or int(counts.max())
    size = min(most, longest)
    chunks = np.zeros((len(positions), -(-longest // size) * size), dtype=np.int32)
    for index, own in enumerate(positions):
        chunks[index, : len(own)] = own
    return np.ascontiguousarray(np.moveaxis(chunks.reshape(len(positions), -1, size), 1, 0)), counts
