"""Days of flights that are watched, and a champion of the first of them: real artifacts, nothing trained.

python -m builders.watched enthrone FOLDER: the tables in FOLDER, and a champion of their first days in FOLDER/models
python -m builders.watched run PIPELINE --args FILE --set NAME=VALUE --out FOLDER: a champion, called as `foldline` is
"""

import json
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builders import models
from foldline.artifacts import Dataset, Model, Predictions, RawColumn
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.model import REFERENCE
from foldline.store import open_store

FIRST, DAYS, ROWS, TRAINING_DAYS = datetime(2013, 1, 1), 48, 160, 38
TRAINED = FIRST + timedelta(days=TRAINING_DAYS)
END = FIRST + timedelta(days=DAYS)
CHANGED = TRAINED + timedelta(days=6)
NAME, LABEL, TIME = "late", "late", "departure"
POLICY = {"minimum_rows": 100}
QUIET, SHIFTED, FAULTY = "quiet", "shifted", "faulty"
SIGNATURE = (RawColumn("distance", "float64"), RawColumn("carrier", "string"))
SAVED_MODEL = "saved_model"


def table(kind: str) -> pa.Table:
    """Rows of `DAYS` days, some of which differ a little from others; from `CHANGED` on shifted, or faulty."""
    random = np.random.default_rng(2)
    day = np.repeat(np.arange(DAYS), ROWS)
    rows = len(day)
    times = [FIRST + timedelta(days=int(day[row]), minutes=9 * (row % ROWS)) for row in range(rows)]
    changed = np.array([time >= CHANGED for time in times])
    distance = random.normal(0.0, 1.0, rows) + random.normal(0.0, 0.1, DAYS)[day]
    if kind == SHIFTED:
        distance = distance + 1.5 * changed
    late = random.random(rows) < 1.0 / (1.0 + np.exp(-1.5 * distance))
    missing = changed & (random.random(rows) < 0.6) if kind == FAULTY else np.zeros(rows, dtype=bool)
    return pa.table(
        {
            TIME: pa.array(times, pa.timestamp("us")),
            "distance": pa.array(distance, mask=missing),
            "carrier": pa.array(random.choice(["UA", "AA", "B6"], rows), pa.string()),
            "delay": pa.array(random.gamma(2.0, 10.0, rows)),
            LABEL: pa.array(late),
        }
    )


def write(folder: Path) -> None:
    """All kinds of the table, as Parquet files, and beside them the one SavedModel that every champion has."""
    for kind in (QUIET, SHIFTED, FAULTY):
        pq.write_table(table(kind), folder / f"{kind}.parquet")
    models.export(folder / SAVED_MODEL, "binary", 1.5, 0.1, 0.0, 0, SIGNATURE)


def enthrone(folder: Path, file: Path, store_uri: str, end: datetime) -> str:
    """Make a model of the rows of `file` before `end` champion; its version."""
    rows = pq.read_table(file)
    rows = rows.filter(pc.less(rows[TIME], end))
    dataset = Dataset.write(folder / "dataset", rows, source={"uri": "made"}, label=LABEL, time_column=TIME)
    row_id = row_id_array(dataset.table([]))
    distance = pc.fill_null(rows["distance"], 0.0).to_numpy()
    carrier = pc.equal(rows["carrier"], "UA").to_numpy()
    predicted = 1.0 / (1.0 + np.exp(-(1.5 * distance + 0.1 * carrier)))
    predictions = Predictions.write(
        folder / "predictions",
        task=models.BINARY,
        row_id=row_id,
        fold=np.zeros(len(row_id), np.int64),
        label=models.BINARY.encode(rows[LABEL]),
        prediction=predicted.astype(np.float32)[:, None],
        origin={},
    )
    # Only the trainer's environment has what it imports.
    from foldline.training.train_model.reference import write_reference

    write_reference(folder / "model" / REFERENCE, dataset, predictions, LABEL)
    shutil.copytree(file.parent / SAVED_MODEL, folder / "model" / "1")
    model = Model.seal(
        folder / "model",
        task=models.BINARY,
        label=LABEL,
        signature=SIGNATURE,
        origin={},
        training={"window": dataset.time_window},
        metrics={},
        parity={},
        training_rows=row_id,
    )
    store = open_store(store_uri)
    version = store.register(NAME, model.path)
    store.set_alias(NAME, "champion", version, expected=store.alias(NAME, "champion"))
    return version


def train(words: list[str]) -> None:
    """What `foldline run train_and_serve` leaves behind, without its cost."""
    options = {name: words[place + 1] for place, name in enumerate(words) if name in ("--args", "--out")}
    given = json.loads(Path(options["--args"]).read_text())
    given |= dict(word.split("=", 1) for place, word in enumerate(words) if words[place - 1] == "--set")
    folder = Path(options["--out"])
    folder.mkdir(parents=True)
    enthrone(folder, Path(given["dataset_uri"]), given["store_uri"], datetime.fromisoformat(given["time_end"]))


if __name__ == "__main__":
    if sys.argv[1] == "run":
        train(sys.argv[2:])
    else:
        place = Path(sys.argv[2])
        write(place)
        enthrone(place, place / "quiet.parquet", str(place / "models"), TRAINED)
