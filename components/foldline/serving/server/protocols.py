"""Requests and answers of the inference protocols V1 and V2, without the network.

V1 is TensorFlow Serving's and KServe's `:predict`; V2 is the Open Inference Protocol. A row is a JSON object of raw
columns (V1), or each column is an input tensor (V2). JSON null, or a column that is left out, is a missing value.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Model, RawColumn
from foldline.artifacts.signature import tensor_from_values, tensors_from_records
from foldline.errors import DataError

MOST_ROWS = 65_536
OUTPUT = "predictions"
# Datatypes of V2 in which each dtype may come; the first one is what the model's metadata names.
DATATYPES: dict[str, tuple[str, ...]] = {
    "float64": ("FP32", "FP64"),
    "int64": ("INT64", "INT32", "INT16", "INT8", "UINT32", "UINT16", "UINT8"),
    "bool": ("BOOL",),
    "timestamp": ("BYTES",),
    "string": ("BYTES",),
}
Tensors = dict[str, NDArray[Any]]


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        DataError: it is none, or has NaN or Infinity, which JSON has not.
    """

    def refuse(literal: str) -> NoReturn:
        raise DataError("request body", expected="JSON, with null for a missing value", got=literal)

    try:
        content = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as fault:
        raise DataError("request body", expected="a JSON object", got=f"no JSON ({fault})") from None
    if not isinstance(content, dict):
        raise DataError("request body", expected="a JSON object", got=_shown(content))
    return content


def tensors_of_v1(content: dict[str, Any], columns: Sequence[RawColumn]) -> Tensors:
    """Raw tensors, shape (n_rows,) each, of `{"instances": [{column: value, …}, …]}`.

    Raises:
        DataError: it has another form, or a value has the wrong type; the message names row and column.
    """
    instances = content.get("instances")
    if not isinstance(instances, list) or not all(isinstance(row, dict) for row in instances):
        raise DataError("instances", expected="a list of objects, one a row", got=_shown(instances))
    _check_rows(len(instances))
    return _checked(lambda: tensors_from_records(instances, columns), columns)


def tensors_of_v2(content: dict[str, Any], columns: Sequence[RawColumn]) -> Tensors:
    """Raw tensors, shape (n_rows,) each, of `{"inputs": [{name, datatype, shape, data}, …]}`, one input a column.

    Raises:
        DataError: as `tensors_of_v1`; or the inputs' shapes differ, or a datatype is not the column's.
    """
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(item, dict) for item in inputs):
        raise DataError("inputs", expected="a list of input tensors, one a column", got=_shown(inputs))
    _check_identity(content.get("id"))
    known = {column.name: column for column in columns}
    values: dict[str, list[Any]] = {}
    for item in inputs:
        name = item.get("name")
        if not isinstance(name, str) or name not in known:
            raise DataError("inputs", expected=f"the columns {sorted(known)}", got=f"unknown column {_shown(name)}")
        if name in values:
            raise DataError("inputs", expected="each column once", got=f"column {name!r} twice")
        values[name] = _values(item, known[name])
    rows = len(next(iter(values.values())))
    for name, column_values in values.items():
        if len(column_values) != rows:
            raise DataError(f"input {name!r}", expected=f"{rows} rows, as the others", got=str(len(column_values)))
    _check_rows(rows)
    absent = [None] * rows
    return _checked(
        lambda: {column.name: tensor_from_values(values.get(column.name, absent), column) for column in columns},
        columns,
    )


def answer_of_v1(predictions: NDArray[np.float32]) -> dict[str, Any]:
    """`{"predictions": […]}`: a number a row where the model has one output, else a list."""
    return {"predictions": (predictions[:, 0] if predictions.shape[1] == 1 else predictions).tolist()}


def answer_of_v2(
    predictions: NDArray[np.float32], *, name: str, version: str, request: dict[str, Any]
) -> dict[str, Any]:
    """The output tensor `predictions`, FP32 of shape [n_rows, n_outputs], with the request's `id` where it has one."""
    identity = {"id": request["id"]} if isinstance(request.get("id"), str) else {}
    output = {
        "name": OUTPUT,
        "datatype": "FP32",
        "shape": list(predictions.shape),
        "data": predictions.ravel().tolist(),
    }
    return {"model_name": name, "model_version": version, **identity, "outputs": [output]}


def metadata(model: Model, *, name: str, version: str) -> dict[str, Any]:
    """The model's metadata in V2."""
    return {
        "name": name,
        "versions": [version],
        "platform": "tensorflow_savedmodel",
        "inputs": [
            {"name": column.name, "datatype": DATATYPES[column.dtype][0], "shape": [-1]} for column in model.signature
        ],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, model.task.outputs]}],
    }


def another_model(name: str, asked: str) -> str:
    """What is said to a request for a model that is not served."""
    return f"model: expected {name!r}, got {asked!r}."


def _values(item: dict[str, Any], column: RawColumn) -> list[Any]:
    name, shape, datatype, data = column.name, item.get("shape"), item.get("datatype"), item.get("data")
    if datatype not in DATATYPES[column.dtype]:
        raise DataError(
            f"datatype of input {name!r}", expected=" or ".join(DATATYPES[column.dtype]), got=_shown(datatype)
        )
    if not isinstance(data, list):
        raise DataError(f"data of input {name!r}", expected="a list of values", got=_shown(data))
    flat = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]
    if shape not in ([len(flat)], [len(flat), 1]):
        raise DataError(
            f"shape of input {name!r}", expected=f"[{len(flat)}] or [{len(flat)}, 1], as its data", got=_shown(shape)
        )
    return flat


def _checked(convert: Callable[[], Tensors], columns: Sequence[RawColumn]) -> Tensors:
    with np.errstate(over="ignore"):
        try:
            tensors: Tensors = convert()
        except (OverflowError, UnicodeEncodeError) as fault:
            raise DataError("request", expected="numbers of 64 bits and text in UTF-8", got=str(fault)) from None
    for column in columns:
        if column.tensor_dtype == "float32" and np.isinf(tensors[column.name]).any():
            row = int(np.isinf(tensors[column.name]).argmax())
            raise DataError(f"row {row}, column {column.name!r}", expected="a number of 32 bits", got="a larger one")
    return tensors


def _check_identity(identity: Any) -> None:
    if isinstance(identity, str):
        try:
            identity.encode()
        except UnicodeEncodeError as fault:
            raise DataError("id", expected="text in UTF-8", got=str(fault)) from None


def _check_rows(rows: int) -> None:
    if not 1 <= rows <= MOST_ROWS:
        raise DataError("request", expected=f"1 to {MOST_ROWS} rows", got=str(rows))


def _shown(value: Any) -> str:
    return repr(value)[:80]
