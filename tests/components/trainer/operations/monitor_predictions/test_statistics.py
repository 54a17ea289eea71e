"""Statistics of predictions from rows as they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.operations.monitor_predictions.statistics import MOST_ROWS, Sample, of_periods


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), min_size=1, max_size=6))
def test_rows_in_parts_have_the_statistics_of_all(parts: list[list[float]]) -> None:
    sample, whole = Sample(1, 0), np.concatenate([np.array(part) for part in parts])
    for part in parts:
        sample.add(np.array(part)[:, None])
    (found,) = sample.summary()
    assert found["min"] == whole.min()
    assert found["max"] == whole.max()
    assert found["median"] == pytest.approx(np.median(whole))
    assert found["mean"] == pytest.approx(whole.mean(), rel=1e-9, abs=1e-6)
    expected = whole.std(ddof=1) if len(whole) > 1 else 0.0
    assert found["deviation"] == pytest.approx(expected, rel=1e-6, abs=1e-3)


def test_of_more_rows_than_are_kept_each_has_the_same_chance() -> None:
    sample = Sample(1, 3)
    for part in np.array_split(np.arange(5.0 * MOST_ROWS), 13):
        sample.add(part[:, None])
    assert len(sample.kept) == MOST_ROWS
    assert sample.rows == 5 * MOST_ROWS
    fifths = np.bincount((sample.kept[:, 0] // MOST_ROWS).astype(int), minlength=5)
    assert np.abs(fifths - MOST_ROWS / 5).max() < 5.0 * np.sqrt(MOST_ROWS * 0.2 * 0.8)
    assert sample.summary()[0]["max"] == 5 * MOST_ROWS - 1


def test_rows_outside_of_the_periods_and_without_a_number_are_left_out() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 0.0], [9.0, 9.0]])
    first, second = of_periods(values, np.array([0, 0, 0, -1]), 2)
    assert (first.rows, second.rows) == (2, 0)
    assert [one["mean"] for one in first.summary()] == [2.0, 3.0]
    assert second.summary() == []
