"""The form of every error."""

import pickle

from foldline.errors import DataError, FoldlineError


def test_a_message_says_what_was_expected_what_came_and_what_to_do() -> None:
    error = DataError("column 'age'", expected="numbers", got="text", fix="Convert it.")
    assert str(error) == "column 'age': expected numbers, got text. Convert it."


def test_a_message_is_one_line() -> None:
    assert "\n" not in str(FoldlineError("a\nb", expected="c", got="d\ne"))


def test_an_error_survives_the_way_back_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(DataError("a", expected="b", got="c", fix="d")))
    assert (type(error), str(error)) == (DataError, "a: expected b, got c. d")


def test_a_message_inside_a_message_ends_with_one_full_stop() -> None:
    inner = DataError("row 3", expected="a number", got="'far'")
    assert str(FoldlineError("table", expected="rows", got=str(inner))).endswith("got 'far'.")
