"""Stacks that outlive a training: which are kept."""

from typing import Any

from foldline.training.fitting.stacks import Stacks


def test_the_stacks_that_were_used_last_are_kept() -> None:
    made: list[Any] = []

    def anew() -> Any:
        made.append(object())
        return made[-1]

    stacks = Stacks(most=2)
    first, second = stacks.of("first", anew), stacks.of("second", anew)
    assert stacks.of("first", anew) is first
    third = stacks.of("third", anew)
    assert [stacks.of(models, anew) for models in ("first", "third")] == [first, third]
    assert stacks.of("second", anew) is not second
    assert len(made) == 4
