"""Dataset: a folder with Parquet files and `dataset.json`."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foldline.artifacts import identity
from foldline.artifacts.seal import open_sealed, seal
from foldline.artifacts.task import Task
from foldline.errors import ArtifactError

FORM = "foldline.dataset/1"
MANIFEST = "dataset.json"
ROW_ID = "row_id"
ROWS_PER_FILE = 1_000_000

# The types that a dataset's columns have; whatever a source holds is converted to one of them at ingestion.
DTYPES: dict[str, pa.DataType] = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Column:
    """A column's name and its dtype, one of `DTYPES`."""

    name: str
    dtype: str


@dataclass(frozen=True)
class Dataset:
    """A table of raw rows, each with a stable `row_id`.

    Attributes:
        columns: without `row_id`, in the table's order.
        digest: of the content; the same for any layout of files and order of rows.
        source: where it came from (`uri`, `format`, and what else ingestion knows).
        label: name of the label column, empty where none was named.
        time_window: `column`, `start` and `end` (ISO 8601) of the rows, empty where there is no time column.
        exclusions: what was left out: `reason` and `rows` each.
        model: of a scored dataset, whose predictions stand in it: `version`, `digest`, `label`, `task` (as
            `Task.to_json`) and `predictions` (names of their columns; null in rows without one); else empty.
    """

    path: Path
    rows: int
    columns: tuple[Column, ...]
    digest: str
    source: dict[str, Any]
    label: str = ""
    time_window: dict[str, str] = field(default_factory=dict)
    exclusions: tuple[dict[str, Any], ...] = ()
    key_columns: tuple[str, ...] = ()
    model: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def write(
        cls,
        path: Path,
        table: pa.Table,
        *,
        source: dict[str, Any],
        label: str = "",
        time_column: str = "",
        exclusions: tuple[dict[str, Any], ...] = (),
        key_columns: tuple[str, ...] = (),
        model: dict[str, Any] | None = None,
        row_id: NDArray[np.int64] | None = None,
        time_window: dict[str, str] | None = None,
    ) -> Self:
        """Write `table` (columns of the types in `DTYPES`, no `row_id`) as a dataset at the new folder `path`.

        Args:
            model: see the class.
            row_id: identities that the rows have already; shape (n_rows,). Found from keys or content when None.
            time_window: of the table that the rows are a sample of; that of the rows in `time_column` when None.
        """
        names = {kind: name for name, kind in DTYPES.items()}
        columns = tuple(Column(item.name, names[item.type]) for item in table.schema)
        window = time_window or {}
        if time_column:
            times = np.asarray(table[time_column].drop_null())
            window = {"column": time_column, "start": str(times.min()), "end": str(times.max())} if len(times) else {}
        identities = identity.row_ids(table, list(key_columns)) if row_id is None else row_id
        identified = table.add_column(0, ROW_ID, pa.array(identities))
        (path / "data").mkdir(parents=True)
        for part, start in enumerate(range(0, max(table.num_rows, 1), ROWS_PER_FILE)):
            chunk = identified.slice(start, ROWS_PER_FILE)
            pq.write_table(chunk, path / "data" / f"part-{part:05}.parquet", compression="zstd")
        content = {
            "rows": table.num_rows,
            "columns": [asdict(column) for column in columns],
            "digest": identity.table_digest(table),
            "source": source,
            "label": label,
            "time_window": window,
            "exclusions": list(exclusions),
            "key_columns": list(key_columns),
            "model": model or {},
        }
        seal(path, MANIFEST, FORM, content)
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The dataset at `path`.

        Raises:
            ArtifactError: it is torn, edited, or no dataset.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        return cls(
            path=path,
            rows=manifest["rows"],
            columns=tuple(Column(**column) for column in manifest["columns"]),
            digest=manifest["digest"],
            source=manifest["source"],
            label=manifest["label"],
            time_window=manifest["time_window"],
            exclusions=tuple(manifest["exclusions"]),
            key_columns=tuple(manifest["key_columns"]),
            model=manifest.get("model", {}),
        )

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """The rows, `row_id` first, then the named columns or all."""
        wanted = [column.name for column in self.columns] if columns is None else columns
        files = sorted((self.path / "data").glob("*.parquet"))
        table = pa.concat_tables([pq.read_table(file, columns=[ROW_ID, *wanted]) for file in files])
        if table.num_rows != self.rows:
            raise ArtifactError(
                f"field rows of {self.path / MANIFEST}", expected=str(self.rows), got=f"{table.num_rows}"
            )
        return table

    @property
    def scored_task(self) -> Task:
        """The task of the model whose predictions stand in the dataset.

        Raises:
            ArtifactError: it is not scored.
        """
        if not self.model:
            raise ArtifactError(
                f"field model of {self.path / MANIFEST}",
                expected="a model whose predictions stand in the dataset",
                got="none",
                fix="Give a dataset that score_champion made.",
            )
        return Task.from_json(self.model["task"])

    def dtype(self, name: str) -> str:
        """The dtype of the column `name`; KeyError where there is none."""
        return {column.name: column.dtype for column in self.columns}[name]

    def summary(self) -> dict[str, str | int]:
        """Figures for the artifact's metadata, which the KFP UI shows."""
        return {"rows": self.rows, "columns": len(self.columns), "digest": self.digest, "label": self.label}


def row_id_array(table: pa.Table) -> NDArray[np.int64]:
    """The `row_id` column; shape (n_rows,)."""
    return np.asarray(table[ROW_ID].to_numpy(), dtype=np.int64)
