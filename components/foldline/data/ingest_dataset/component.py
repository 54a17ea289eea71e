"""The KFP signature of ingest_dataset."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from foldline._image import LAUNCHER


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def ingest_dataset(
    source_uri: str, dataset: Output[Dataset], format: str = "", label: str = "", columns: list = [],  # noqa: A002
    derived: dict = {}, where: str = "", time_column: str = "", time_start: str = "", time_end: str = "",
    key_columns: list = [], label_required: bool = True,
):  # fmt: skip
    """Read a table and write it as a dataset whose rows have a stable identity.

    Args:
        source_uri: Path, file://, http(s)://, s3:// or minio:// address of a CSV file (also zipped), a Parquet file
            or a folder of Parquet files.
        dataset: The table, with `row_id` and the digest of its content.
        format: csv or parquet; empty goes by the name and the first bytes.
        label: Column to be predicted.
        columns: Columns to keep; empty keeps all. Label, time and key columns are always kept.
        derived: Name of a new column to its SQL expression; for labels, filters and keys.
        where: SQL condition of the rows to keep.
        time_column: Column with the time of each row.
        time_start: First time to keep, inclusive, in ISO 8601.
        time_end: End of the times to keep, exclusive, in ISO 8601.
        key_columns: Columns that together name a row; empty takes the whole content.
        label_required: Leave out rows without a label, and count them; or else keep them, as labels may come later.
    """
    from foldline.data.ingest_dataset.run import run

    run(source_uri, dataset.path, format=format, label=label, columns=columns, derived=derived, where=where,
        time_column=time_column, time_start=time_start, time_end=time_end, key_columns=key_columns,
        label_required=label_required, describe=dataset.metadata.update)  # fmt: skip
