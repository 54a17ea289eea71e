"""Statistics of words that merge: how often each occurs, and the sum of the labels beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True)
class WordStatistics:
    """Texts (`string` columns, and whole numbers whose labels are summed); an empty text is a missing one.

    Attributes:
        rows, missing: number of rows, and of those without a value.
        words, counts: shape (n_words,): the different texts in the order of their bytes, and how often each occurs.
        label_sums: shape (n_words, outputs), float64: sums of the labels of each word's rows; no outputs where no label
            is asked for.
        missing_label_sums: shape (outputs,): those of the rows without a value.
    """

    rows: int
    missing: int
    words: pa.StringArray
    counts: NDArray[np.int64]
    label_sums: NDArray[np.float64]
    missing_label_sums: NDArray[np.float64]

    @property
    def present(self) -> int:
        return self.rows - self.missing


def collect_words(
    column: pa.ChunkedArray, fold: NDArray[np.int64], numbers: Sequence[int], label: NDArray[np.float64]
) -> dict[int, WordStatistics]:
    """Statistics of a column for each of the folds `numbers`.

    Args:
        fold: shape (n_rows,).
        label: shape (n_rows, outputs).
    """
    encoded = pa.chunked_array([column.combine_chunks()]).cast(pa.string()).combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    words = encoded.dictionary.take(pa.array(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    ranks = np.where(codes < 0, -1, rank[codes]) if len(order) else codes
    if len(words) and words[0].as_py() == "":
        ranks = np.where(ranks == 0, -1, ranks)
    found = {}
    for number in numbers:
        inside = fold == number
        own, labels = ranks[inside], label[inside]
        known = own >= 0
        counts = np.bincount(own[known], minlength=len(words)).astype(np.int64)
        sums = np.zeros((len(words), label.shape[1]))
        for output in range(label.shape[1]):
            sums[:, output] = np.bincount(own[known], labels[known, output], minlength=len(words))
        there = np.flatnonzero(counts)
        found[number] = WordStatistics(
            rows=len(own),
            missing=int((~known).sum()),
            words=words.take(pa.array(there)),
            counts=counts[there],
            label_sums=sums[there],
            missing_label_sums=labels[~known].sum(axis=0),
        )
    return found


def merge_words(parts: Sequence[WordStatistics]) -> WordStatistics:
    """Statistics of all rows of the parts, added in their order."""
    encoded = pa.concat_arrays([part.words for part in parts]).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    places = rank[encoded.indices.to_numpy(zero_copy_only=False)]
    counts = np.zeros(len(order), dtype=np.int64)
    np.add.at(counts, places, np.concatenate([part.counts for part in parts]))
    sums = np.zeros((len(order), parts[0].label_sums.shape[1]))
    np.add.at(sums, places, np.concatenate([part.label_sums for part in parts]))
    return WordStatistics(
        rows=sum(part.rows for part in parts),
        missing=sum(part.missing for part in parts),
        words=encoded.dictionary.take(pa.array(order)),
        counts=counts,
        label_sums=sums,
        missing_label_sums=np.sum([part.missing_label_sums for part in parts], axis=0),
    )
