"""The table that tells what became of requests."""

import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from foldline.errors import DataError
from foldline.serving.deploy_canary.feedback.settings import Settings


def read(content: bytes, settings: Settings) -> pa.Table:
    """The columns `request` (text) and `value` of a Parquet or CSV file, in its order, without rows that lack one.

    Raises:
        DataError: it is none, or lacks a column.
    """
    wanted = [settings.request, settings.value]
    try:
        if settings.table.endswith(".parquet"):
            table = pyarrow.parquet.read_table(io.BytesIO(content), columns=wanted)
        else:
            # The last line may be half written. Types that are guessed might change as the file grows.
            whole = content[: content.rfind(b"\n") + 1]
            options = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, strings_can_be_null=True
            )
            table = pyarrow.csv.read_csv(io.BytesIO(whole), convert_options=options)
        missing = [name for name in wanted if name not in table.column_names]
        if missing:
            raise KeyError(missing[0])
        columns = [table[settings.request].cast(pa.string()), table[settings.value]]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as fault:
        raise DataError(
            f"table {settings.table}", expected=f"the columns {' and '.join(wanted)}", got=str(fault)[:200]
        ) from None
    return pa.table(columns, names=["request", "value"]).drop_null()
