"""Which set of locks a host gets."""

import pytest

from foldline_pipelines.local.lock_set import lock_set, refusal


@pytest.mark.parametrize(
    ("glibc", "python", "refused"),
    [
        ((2, 31), (3, 11), False),
        ((2, 30), (3, 11), True),
        ((2, 36), (3, 11), False),
        ((2, 36), (3, 12), True),
        ((2, 39), (3, 12), False),
        ((2, 41), (3, 13), False),
        ((2, 41), (3, 11), False),
        ((2, 41), (3, 10), True),
        ((2, 41), (3, 14), True),
        ((2, 36), (3, 10), True),
    ],
)
def test_a_host_without_a_build_of_tfdv_or_envoy_is_refused(
    glibc: tuple[int, int], python: tuple[int, int], refused: bool
) -> None:
    assert bool(refusal(glibc, python)) is refused


@pytest.mark.parametrize(
    ("glibc", "expected"), [((2, 36), "older"), ((2, 38), "older"), ((2, 39), "glibc-2.39"), ((3, 0), "glibc-2.39")]
)
def test_the_set_follows_the_c_library(glibc: tuple[int, int], expected: str) -> None:
    assert lock_set(glibc) == expected
