"""Whether a dataset has the raw columns that a model takes."""

from foldline.artifacts import Dataset, Model
from foldline.errors import ComparisonError


def check_columns(model: Model, dataset: Dataset, *, whose: str) -> None:
    """Check that `dataset` has each column of the model's signature and its label, with the model's dtypes.

    Args:
        whose: names the model in the message, as `champion 0123456789ab`.

    Raises:
        ComparisonError: a column is missing or has another dtype.
    """
    found = {column.name: column.dtype for column in dataset.columns}
    wanted = {column.name: column.dtype for column in model.signature}
    missing = sorted({*wanted, model.label} - set(found))
    if missing:
        raise ComparisonError(
            f"dataset {dataset.path}",
            expected=f"the columns that {whose} needs",
            got=f"none called {', '.join(missing)}",
        )
    for name, dtype in wanted.items():
        if found[name] != dtype:
            raise ComparisonError(
                f"column {name!r} of {dataset.path}", expected=f"{dtype}, as {whose} takes it", got=found[name]
            )
