"""The tests that are made of every column by itself: Kolmogorov-Smirnov of numbers, chi-square of categories."""

import numpy as np
import pyarrow as pa
from scipy.stats import chi2, kstwobign

ALPHA = 0.05


def alarmed(reference: pa.Table, window: pa.Table, left_out: tuple[str, ...]) -> list[str]:
    """Columns whose test says p < 0.05; missing values are left out, as these tests do."""
    names = [name for name in reference.column_names if name not in left_out]
    return [name for name in names if p_of_column(reference[name].drop_null(), window[name].drop_null()) < ALPHA]


def p_of_column(reference: pa.ChunkedArray, window: pa.ChunkedArray) -> float:
    values, codes = np.unique(
        np.concatenate([np.asarray(reference), np.asarray(window)]).astype(
            str if pa.types.is_string(reference.type) else np.float64
        ),
        return_inverse=True,
    )
    counts = np.stack(
        [
            np.bincount(codes[: len(reference)], minlength=len(values)),
            np.bincount(codes[len(reference) :], minlength=len(values)),
        ]
    )
    return float((p_chi_square if pa.types.is_string(reference.type) else p_kolmogorov)(counts))


def p_kolmogorov(counts: np.ndarray) -> float:
    """Of two samples, from counts of their ordered values; shape (2, n_values). The asymptotic law."""
    totals = counts.sum(axis=1)
    below = np.cumsum(counts, axis=1) / totals[:, None]
    return float(kstwobign.sf(np.sqrt(totals.prod() / totals.sum()) * np.abs(below[0] - below[1]).max()))


def p_chi_square(counts: np.ndarray) -> float:
    """That two samples have the same categories, from counts; shape (2, n_categories)."""
    present = counts[:, counts.sum(axis=0) > 0].astype(np.float64)
    if present.shape[1] < 2:
        return 1.0
    expected = np.outer(present.sum(axis=1), present.sum(axis=0)) / present.sum()
    return float(chi2.sf(((present - expected) ** 2 / expected).sum(), present.shape[1] - 1))
