"""When a stack is filled up to the size of a program that is there."""

import pytest

from foldline.training.search.sizes import COMPILATION_S, Sizes

SHORT, LONG = COMPILATION_S / 2, 10 * COMPILATION_S


@pytest.mark.parametrize(
    ("trained", "count", "size"),
    [
        ([], 3, 3),
        ([(8, SHORT)], 8, 8),
        ([(8, SHORT)], 5, 8),
        ([(8, SHORT)], 9, 9),
        ([(8, SHORT)], 1, 8),
        ([(8, LONG)], 4, 4),
        ([(8, LONG)], 7, 7),
        ([(8, SHORT), (4, SHORT)], 3, 4),
        ([(8, SHORT), (4, LONG)], 3, 3),
        ([(8, SHORT), (3, LONG)], 3, 3),
        ([(8, LONG), (8, SHORT)], 4, 8),
    ],
)
def test_a_stack_is_filled_where_that_costs_less_than_another_program(
    trained: list[tuple[int, float]], count: int, size: int
) -> None:
    sizes = Sizes()
    for models, seconds in trained:
        sizes.note("perceptron", models, seconds)
    assert sizes.of("perceptron", count) == size


def test_kinds_of_models_have_programs_of_their_own() -> None:
    sizes = Sizes()
    sizes.note("perceptron", 8, SHORT)
    assert sizes.of("another", 3) == 3
