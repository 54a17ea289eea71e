"""Shapes of pipelines that kfp.local runs wrongly are found in the compiled file, and only those."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from kfp import dsl

from builders.pipelines import compiled as compiled_file
from foldline.errors import RunError
from foldline_pipelines import compile as compiled_files
from foldline_pipelines import registry, shapes
from foldline_pipelines.shapes import (
    FRACTION,
    ITEM_NUMBER,
    NAMED_CONDITION,
    NAMED_LOOP,
    OUTER_ITEM,
    OUTSIDE_VALUE,
    QUOTE,
)


@dsl.component(base_image="python:3.11")
def several() -> NamedTuple("Outputs", [("score", float), ("numbers", list)]):
    return (0.5, [1.0])


@dsl.component(base_image="python:3.11")
def score() -> float:
    return 0.5


@dsl.component(base_image="python:3.11")
def numbers() -> list:
    return [1.0]


@dsl.component(base_image="python:3.11")
def take(number: float = 0.0, many: list = []):  # noqa: B006 (KFP copies it)
    pass


@dsl.pipeline
def condition_on_a_named_output():
    with dsl.If(several().outputs["score"] > 0.1):
        take()


@dsl.pipeline
def condition_on_the_only_output():
    with dsl.If(score().output > 0.1):
        take()


@dsl.pipeline
def condition_on_a_whole_number():
    with dsl.If(score().output == 1):
        take()


@dsl.pipeline
def condition_on_a_text(word: str = "a"):
    with dsl.If(word == "b"):
        take()
    with dsl.Elif(word != "c"):
        take()
    with dsl.Else():
        take()


@dsl.pipeline
def condition_with_a_quote(word: str = "a"):
    with dsl.If(word == "it's"):
        take()


@dsl.pipeline
def condition_with_a_backslash(word: str = "a"):
    with dsl.If(word == "a\\b"):
        take()


@dsl.pipeline
def loop_over_a_named_output():
    with dsl.ParallelFor(several().outputs["numbers"]) as number:
        take(number=number)


@dsl.pipeline
def loop_over_the_only_output():
    with dsl.ParallelFor(numbers().output) as number:
        take(number=number)


@dsl.pipeline
def loop_that_uses_its_whole_list():
    made = numbers().output
    with dsl.ParallelFor(made) as number:
        take(number=number, many=made)


@dsl.pipeline
def loop_with_a_value_from_outside():
    made = score().output
    with dsl.ParallelFor([1.0, 2.0]):
        take(number=made)


@dsl.pipeline
def loop_with_a_parameter(number: float = 1.0):
    with dsl.ParallelFor([1.0, 2.0]):
        take(number=number)


@dsl.pipeline
def loop_in_a_loop(outer: list = [], inner: list = []):  # noqa: B006 (KFP copies it)
    with dsl.ParallelFor(outer) as item, dsl.ParallelFor(inner):
        take(number=item)


@dsl.pipeline
def written_loop_in_a_loop():
    with dsl.ParallelFor([1.0, 2.0]) as item, dsl.ParallelFor([3.0, 4.0]):
        take(number=item)


@dsl.pipeline
def item_compared_with_a_number(items: list = []):  # noqa: B006 (KFP copies it)
    with dsl.ParallelFor(items) as item, dsl.If(item == 3):
        take(number=item)


@dsl.pipeline
def body(number: float, many: list):
    with dsl.If(number > 0.1):
        take()
    with dsl.ParallelFor(many) as item:
        take(number=item)
        take(number=number)


@dsl.pipeline
def the_cure():
    made = several()
    body(number=made.outputs["score"], many=made.outputs["numbers"])


@pytest.mark.parametrize(
    ("pipeline", "faults"),
    [
        (condition_on_a_named_output, [NAMED_CONDITION]),
        (condition_on_the_only_output, []),
        (condition_on_a_whole_number, [FRACTION]),
        (condition_on_a_text, []),
        (condition_with_a_quote, [QUOTE]),
        (condition_with_a_backslash, [QUOTE]),
        (loop_over_a_named_output, [NAMED_LOOP]),
        (loop_over_the_only_output, []),
        (loop_that_uses_its_whole_list, [OUTSIDE_VALUE]),
        (loop_with_a_value_from_outside, [OUTSIDE_VALUE]),
        (loop_with_a_parameter, []),
        (loop_in_a_loop, [OUTER_ITEM]),
        (written_loop_in_a_loop, []),
        (item_compared_with_a_number, [ITEM_NUMBER]),
        (the_cure, []),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_broken_shape_is_found_and_no_other(
    pipeline: Callable[..., object], faults: list[str], tmp_path: Path
) -> None:
    ir = compiled_files.load(compiled_file(tmp_path, pipeline))
    assert [shape.fault for shape in shapes.find(ir, {})] == faults


@pytest.mark.parametrize(("word", "faults"), [("plain", []), ("it's", [QUOTE]), ("a\\b", [QUOTE])])
def test_a_quote_in_a_compared_parameter_is_found(word: str, faults: list[str], tmp_path: Path) -> None:
    ir = compiled_files.load(compiled_file(tmp_path, condition_on_a_text))
    assert sorted({shape.fault for shape in shapes.find(ir, {"word": word})}) == faults


def test_the_error_names_the_task_and_the_cure(tmp_path: Path) -> None:
    ir = compiled_files.load(compiled_file(tmp_path, loop_over_a_named_output))
    with pytest.raises(RunError, match=r"task for-loop-1: .* got a loop over a named output.* sub-pipeline"):
        shapes.refuse(ir, {})


@pytest.mark.parametrize("name", list(registry.pipelines()))
def test_no_pipeline_of_the_product_has_a_broken_shape(name: str) -> None:
    assert shapes.find(compiled_files.representation(registry.load(registry.pipeline(name))), {}) == []
