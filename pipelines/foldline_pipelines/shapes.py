"""Shapes of a compiled pipeline that kfp.local 2.17 runs wrongly, most of them without a word.

Pure. The cure of each is a sub-pipeline that takes what the loop or the condition needs as its own parameters.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foldline.errors import RunError

_REFERENCE = re.compile(r"inputs\.parameter_values\['([^']+)'\]")
_KNOWN = {"VALUE", "int", "float", "str", "bool", "len", "min", "max", "true", "false", "null"}
_CURE = "Put the loop or the condition into a sub-pipeline, and pass what it needs as parameters."

NAMED_CONDITION = "a condition on a named output, which is always false"
NAMED_LOOP = "a loop over a named output, which ends the run"
OUTSIDE_VALUE = "an output from outside the loop, which is replaced by the loop's item"
OUTER_ITEM = "the item of an outer loop inside an inner loop, where it is replaced by the inner item"
QUOTE = "a quote or a backslash in a compared text, which is not compared as it is written"
FRACTION = "an output that is a fraction, compared with a whole number, which is always false"
ITEM_NUMBER = "an item of a loop compared with a number as if it were text, which is always false"


class Shape(NamedTuple):
    """A task of the compiled pipeline and what is wrong with it."""

    task: str
    fault: str


def find(ir: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Shape]:
    """Broken shapes in the compiled pipeline `ir`; those that hang on a value are found for these `parameters`."""
    return list(_in_dag(ir["root"]["dag"], ir.get("components", {}), parameters))


def refuse(ir: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Raise when `ir` holds a broken shape.

    Raises:
        RunError: names the first task and its fault.
    """
    for shape in find(ir, parameters):
        raise RunError(
            f"task {shape.task}", expected="a pipeline that a local run executes rightly", got=shape.fault, fix=_CURE
        )


def _in_dag(dag: Mapping[str, Any], components: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Shape]:
    """Shapes in a DAG and those below it; `values` are those of its inputs that are known before the run."""
    for name, task in dag.get("tasks", {}).items():
        given = task.get("inputs", {}).get("parameters", {})
        condition = task.get("triggerPolicy", {}).get("condition", "")
        inside = components[task["componentRef"]["name"]].get("dag", {})
        faults: list[str] = []
        if condition:
            faults += _in_condition(condition, given, values)
        if "parameterIterator" in task:
            faults += _in_loop(task["parameterIterator"], given, inside)
        yield from (Shape(name, fault) for fault in faults)
        known = {
            key: values[source["componentInputParameter"]]
            for key, source in given.items()
            if source.get("componentInputParameter") in values
        }
        constants = {
            key: source["runtimeValue"]["constant"] for key, source in given.items() if "runtimeValue" in source
        }
        yield from _in_dag(inside, components, known | constants)


def _in_condition(condition: str, given: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    references = _REFERENCE.findall(condition)
    for reference in references:
        source = given.get(reference, {})
        if source.get("taskOutputParameter", {}).get("outputParameterKey", "Output") != "Output":
            yield NAMED_CONDITION
        value = values.get(source.get("componentInputParameter", ""))
        if isinstance(value, str) and set(value) & {"'", "\\"}:
            yield QUOTE
    compared = _REFERENCE.sub("VALUE", condition)
    spelled = re.sub(r"!\s*\(", "not (", compared.replace("&&", " and ").replace("||", " or "))
    try:
        names = {node.id for node in ast.walk(ast.parse(spelled.strip(), mode="eval")) if isinstance(node, ast.Name)}
    except SyntaxError:
        yield QUOTE
        return
    if "\\" in compared:
        yield QUOTE
    if names - _KNOWN:
        yield FRACTION
    items = any("loop-item" in reference for reference in references)
    if items and re.search(r"'-?\d+(\.\d+)?'", compared):
        yield ITEM_NUMBER


def _in_loop(iterator: Mapping[str, Any], given: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[str]:
    items = iterator["items"].get("inputParameter", "")
    used_inside = {
        source.get("componentInputParameter")
        for task in body.get("tasks", {}).values()
        for source in task.get("inputs", {}).get("parameters", {}).values()
    }
    for name, source in given.items():
        output = source.get("taskOutputParameter", {}).get("outputParameterKey", "")
        if output and name == items and output != "Output":
            yield NAMED_LOOP
        if output and (name != items or name in used_inside):
            yield OUTSIDE_VALUE
        if source.get("componentInputParameter", "").endswith("-loop-item"):
            yield OUTER_ITEM
