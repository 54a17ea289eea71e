"""Progress of a run: a live table in a terminal, one line at the start and end of each task elsewhere."""

import time
from datetime import datetime
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from foldline_pipelines.local.record import bytes_in_words

_STYLES = {"succeeded": "green", "cached": "green", "failed": "red", "interrupted": "yellow", "running": "cyan"}


class Display:
    """Shows the records of tasks; `show` may be called as often as wanted.

    Args:
        console: where to.
        measured: records hold processor time and memory.
    """

    def __init__(self, console: Console, *, measured: bool = True) -> None:
        self._console = console
        self._measured = measured
        self._seen: dict[str, str] = {}
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None

    def __enter__(self) -> "Display":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, records: list[dict[str, Any]]) -> None:
        """Show the state of all tasks."""
        if self._live is not None:
            self._live.update(_table(records, measured=self._measured))
            return
        for record in records:
            last, state = self._seen.get(record["task"]), record["state"]
            if state == last or state in ("waiting", "not run"):
                continue
            if last is None and "seconds" in record and state != "cached":
                self._say(f"{record['task']}: running")
            self._seen[record["task"]] = state
            self._say(f"{record['task']}: {state}{_figures(record, measured=self._measured)}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _figures(record: dict[str, Any], *, measured: bool) -> str:
    if "seconds" not in record or record["state"] == "cached":
        return ""
    memory = f", {bytes_in_words(record['peak_memory_bytes'])}" if measured else ""
    return f", {record['seconds']:.1f} s{memory}"


def _table(records: list[dict[str, Any]], *, measured: bool) -> Table:
    own = ("CPU seconds", "peak memory") if measured else ()
    table = Table("task", "state", "seconds", *own, box=None, pad_edge=False)
    for record in records:
        seconds = record.get("seconds")
        if record["state"] == "running" and "started" in record:
            seconds = time.time() - datetime.fromisoformat(record["started"]).timestamp()
        ran = "cpu_seconds" in record and record["state"] != "cached"
        figures = (f"{record['cpu_seconds']:.1f}", bytes_in_words(record["peak_memory_bytes"])) if ran else ("", "")
        table.add_row(
            Text(record["task"]),
            Text(record["state"], style=_STYLES.get(record["state"], "dim")),
            f"{seconds:.1f}" if seconds is not None and record["state"] != "cached" else "",
            *(figures if measured else ()),
        )
    return table
