"""Stopping of all folds together, and of each by itself."""

from typing import Any

import numpy as np
import pytest

from foldline.training.fitting.stopping import Stopping

A_FALL_AND_A_RISE = [[3.0, 3.0], [2.0, 2.5], [2.5, 2.0], [2.6, 1.5], [2.7, 1.6], [2.8, 1.7]]


def seen(rule: Stopping, losses: list[list[float]]) -> list[list[bool]]:
    return [rule.see(epoch, np.array(row)).tolist() for epoch, row in enumerate(losses, start=1)]


def test_together_the_mean_decides_for_all() -> None:
    rule = Stopping(2, 2, each=False)
    better = seen(rule, A_FALL_AND_A_RISE)
    assert better == [[True] * 2, [True] * 2, [False] * 2, [True] * 2, [False] * 2, [False] * 2]
    assert rule.kept.tolist() == [4, 4]
    assert not rule.active.any()


def test_each_keeps_its_own_epoch_and_a_stopped_one_keeps_what_it_has() -> None:
    rule = Stopping(2, 2, each=True)
    better = seen(rule, A_FALL_AND_A_RISE)
    assert rule.kept.tolist() == [2, 4]
    assert [row[0] for row in better] == [True, True, False, False, False, False]
    assert rule.active.tolist() == [False, False]


def test_without_patience_the_last_epoch_is_kept() -> None:
    rule = Stopping(1, 0, each=False)
    seen(rule, [[1.0], [2.0], [3.0]])
    assert rule.kept.tolist() == [3]
    assert rule.active.all()


def test_a_rule_goes_on_where_it_was_saved() -> None:
    whole, first, second = (Stopping(2, 2, each=True) for _ in range(3))
    expected = seen(whole, A_FALL_AND_A_RISE)
    got = seen(first, A_FALL_AND_A_RISE[:3])
    second.restore(first.state())
    got += [second.see(epoch, np.array(A_FALL_AND_A_RISE[epoch - 1])).tolist() for epoch in (4, 5, 6)]
    assert got == expected


@pytest.mark.parametrize("mode", ["stacked", "sequential"])
def test_a_fold_that_stops_first_ends_as_it_would_alone(train: Any, rows: Any, mode: str) -> None:
    table = rows((60, 60))
    # The labels of one fold are noise: it stops before the other.
    noise = np.random.default_rng(5).integers(0, 2, len(table.label))
    table.label[table.training[0]] = noise[table.training[0]]
    table.label[table.validation[0]] = noise[table.validation[0]]
    given = {"epochs": 30, "patience": 3, "learning_rate": 0.02, "fitting": {"stopping": "each"}}
    both = train(table, mode=mode, **given)
    assert both.fitted.kept[0] < both.fitted.kept[1]
    assert any("1 model goes on" in line for line in both.lines)
    for index in (0, 1):
        only = type(table)(
            (index,), table.features, table.label, (table.training[index],), (table.validation[index],)
        )  # fmt: skip
        alone = train(only, **given)
        assert alone.fitted.kept == [both.fitted.kept[index]]
        for one, other in zip(both.leaves(index), alone.leaves(0), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    assert both.fitted.epochs == round(np.median(both.fitted.kept))
