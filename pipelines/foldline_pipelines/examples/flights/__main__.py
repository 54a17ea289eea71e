"""What `make demo` runs: a champion, then a challenger and the canary between them; and `make demo-rollback`."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from foldline._image import IMAGES
from foldline.errors import FoldlineError, RunError
from foldline_pipelines.examples.flights.data import flights, write_october
from foldline_pipelines.local import environments

HERE = Path(__file__).parent
ARGUMENTS, BROKEN = HERE / "arguments.yaml", HERE / "divides_by_zero.py"
NAME = "flights"
ROLLBACK = "rollback"
CHAMPION = ["--set", "time_end=2013-07-01", "--set", "epochs=3", "--set", "n_folds=3"]
# Short steps and looks, so that the demo ends within two minutes.
POLICY = {
    "steps": [
        {"percent": 10, "min_s": 1, "min_requests": 30},
        {"percent": 50, "min_s": 1, "min_requests": 200},
    ],
    "gates": [
        {"signal": "errors", "tolerance": 0.01},
        {"signal": "latency", "slower_than_ms": 50, "tolerance": 0.02},
        {"signal": "invalid", "tolerance": 0.01},
    ],
    "look_s": 1,
    "deadline_s": 300,
}
# The broken model is to reach the canary, however it compares.
RECKLESS = "minimum_gain=-0.2"
RANDOM = ["--set", "fold_strategy=stratified", "--set", "group_column="]


def main() -> int:
    """Run the example; the exit status."""
    console = Console(highlight=False)
    try:
        environments.make([*IMAGES, "flights"], extra=[], say=console.print)
        demo = Demo(console, flights())
        return demo.rollback() if sys.argv[1:] == [ROLLBACK] else demo.run()
    except FoldlineError as fault:
        console.print(str(fault), style="red")
        return 1


class Demo:
    """Runs of the example's pipelines, and what came of them."""

    def __init__(self, console: Console, data: Path) -> None:
        self._console, self._data = console, data
        self._command = Path(sys.executable).with_name("foldline")

    def run(self) -> int:
        """A champion of January to June beside random folds, then a challenger of January to September."""
        folder = Path("runs") / f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
        folder.mkdir(parents=True)
        started = time.monotonic()
        write_october(self._data, folder / "october.csv")
        # Much of each run is waiting for one core: random folds run beside both and say nothing unless they fail.
        with self._random_folds(folder) as beside:
            self._console.print(
                "champion: train_and_serve on January to June; beside it cross_validate with random folds"
            )
            status = subprocess.call(self._line(folder, "champion", *CHAMPION))
            if status == 0:
                self._console.print("challenger: train_and_serve on January to September; its canary replays October")
                status = subprocess.call(self._line(folder, "challenger", *self._canary(folder)))
            status = status or beside()
        if status:
            return status
        seconds = time.monotonic() - started
        records = {name: _record(folder / name) for name in ("champion", "random_folds", "challenger")}
        table = Table("result", "value", title="flights: more than 15 minutes late?")
        for row in results(records, _decision(folder / "challenger"), seconds):
            table.add_row(*row)
        self._console.print(table)
        self._console.print(f"report: {folder / 'challenger' / 'index.html'}", soft_wrap=True)
        self._next(f"serve --store {folder / 'models'} --model {NAME}")
        self._console.print("or: make demo-rollback, which throws a broken challenger out")
        return 0

    def rollback(self) -> int:
        """A challenger whose bug October shows, against the champion of the last demo."""
        folder = max((path.parents[2] for path in Path("runs").glob(f"demo-*/models/{NAME}/aliases")), default=None)
        if folder is None:
            raise RunError("champion of the demo", expected="one in runs/demo-*/models", got="none", fix="make demo")
        name = f"broken-{time.strftime('%Y%m%d-%H%M%S')}"
        self._console.print(f"challenger: {BROKEN.name} on January to September; its canary replays October")
        own = ["--set", f"model={BROKEN}", "--set", RECKLESS]
        status = subprocess.call(self._line(folder, name, *self._canary(folder), *own))
        decision = _decision(folder / name)
        if status == 0 or decision["verdict"] != "rollback":
            self._console.print("the broken challenger was not thrown out", style="red")
            return 1
        figures = decision["figures"]
        self._console.print(f"thrown out after {figures['requests_of_challenger']} of its requests, as it should be:")
        for reason in decision["reasons"]:
            self._console.print(f"  {reason}", markup=False, soft_wrap=True)
        self._console.print(f"report: {folder / name / 'index.html'}", soft_wrap=True)
        self._next(f"serve --store {folder / 'models'} --model {NAME}")
        return 0

    @contextmanager
    def _random_folds(self, folder: Path) -> Iterator[Callable[[], int]]:
        """A block beside which cross_validate runs; what it gives waits for the end, and shows why it failed."""
        random = ["--args", str(ARGUMENTS), "--set", f"dataset_uri={self._data}", *RANDOM]
        command = [str(self._command), "run", "cross_validate", *random, "--out", str(folder / "random_folds")]
        with (folder / "random_folds.log").open("w+") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said)

            def ended() -> int:
                status = process.wait()
                said.seek(0)
                self._console.print(said.read() if status else "", end="", markup=False, highlight=False)
                return status

            try:
                yield ended
            finally:
                process.terminate()
                process.wait()

    def _line(self, folder: Path, name: str, *own: str) -> list[str]:
        store = (folder / "models").absolute()
        given = ["--args", str(ARGUMENTS), "--set", f"dataset_uri={self._data}", "--set", f"store_uri={store}"]
        named = ["--set", f"model_name={NAME}", "--out", str(folder / name)]
        return [str(self._command), "run", "train_and_serve", *given, *named, *own]

    def _canary(self, folder: Path) -> list[str]:
        traffic = ["--set", f"traffic_uri={(folder / 'october.csv').absolute()}", "--set", "traffic_per_s=400"]
        return [*traffic, "--set", f"canary_policy={json.dumps(POLICY)}"]

    def _next(self, words: str) -> None:
        here = Path.cwd()
        command = self._command.relative_to(here) if self._command.is_relative_to(here) else self._command
        self._console.print(f"next: {command} {words}", soft_wrap=True)


def results(records: dict[str, Any], canary: dict[str, Any], seconds: float) -> list[tuple[str, str]]:
    """Names and values of the figures that a person asks for first."""
    metrics = {task["task"]: task["metrics"] for task in records["challenger"]["tasks"]}
    test, compared, figures = metrics["evaluate-model"], metrics["compare-models"], canary["figures"]
    beside = [records["champion"]["peak_memory_bytes"], records["random_folds"]["peak_memory_bytes"]]
    peak = max(sum(beside), records["challenger"]["peak_memory_bytes"])
    return [
        ("out-of-fold ROC AUC, folds of whole days", _with_error(records["challenger"])),
        ("out-of-fold ROC AUC, random folds (they flatter)", _with_error(records["random_folds"])),
        ("test ROC AUC, days held out", f"{test['test_roc_auc']:.4f}"),
        ("gain over the champion", f"{compared['gain']:.4f} (at least {compared['gain_lower_bound']:.4f})"),
        (
            "canary",
            f"{canary['verdict']} after {figures['requests_of_challenger']} requests, {figures['seconds']:.0f} s",
        ),
        ("time", f"{seconds:.0f} s"),
        ("peak memory", f"{peak / 2**30:.1f} GiB at most"),
    ]


def _with_error(record: dict[str, Any]) -> str:
    metrics = next(task["metrics"] for task in record["tasks"] if task["task"] == "train-folds")
    return f"{metrics['roc_auc']:.4f} ± {metrics['roc_auc_standard_error']:.4f}"


def _record(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return record


def _decision(folder: Path) -> dict[str, Any]:
    """The canary's decision in a run's folder."""
    found = next(folder.glob("artifacts/*/deploy-canary/decision/decision.json"), None)
    if found is None:
        raise RunError(f"run {folder}", expected="a decision of deploy_canary", got="none; the run ended before it")
    decision: dict[str, Any] = json.loads(found.read_text())
    return decision


if __name__ == "__main__":
    sys.exit(main())
