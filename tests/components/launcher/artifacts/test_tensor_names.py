"""Names of columns in the signatures of a SavedModel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.artifacts.tensor_names import tensor_names


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["distance", "tail_num2"], ["distance", "tail_num2"]),
        (["sepal length (cm)"], ["sepal_length__cm_"]),
        (["a/b", "a b"], ["a_b", "a_b_2"]),
        (["a b", "a_b"], ["a_b_2", "a_b"]),
        (["class", "1st", "self"], ["column_class", "column_1st", "column_self"]),
        (["a", "A"], ["a", "A_2"]),
        (["Größe"], ["Gr__e"]),
    ],
)
def test_a_name_that_a_signature_cannot_carry_is_replaced(columns: list[str], names: list[str]) -> None:
    assert list(tensor_names(columns).values()) == names


@given(st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=12))
def test_no_two_columns_share_a_tensor_even_where_case_does_not_count(columns: list[str]) -> None:
    names = tensor_names(columns)
    assert list(names) == columns
    assert len({name.lower() for name in names.values()}) == len(columns)
    assert all(name.isascii() and name.isidentifier() for name in names.values())
