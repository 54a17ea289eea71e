"""Files of a search's result, the same from every engine."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foldline.artifacts.search import Search
from foldline.training.search.page import search_page


def write_search(
    search: Search,
    search_path: str,
    report_path: str,
    tuned_path: str,
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Write the artifact, its page and the settings of the best trial, and log the figures.

    What a task that was killed here has left of its artifact is replaced.
    """
    shutil.rmtree(search_path, ignore_errors=True)
    search.write(Path(search_path))
    search_page(search).write(Path(report_path))
    Path(tuned_path).parent.mkdir(parents=True, exist_ok=True)
    Path(tuned_path).write_text(json.dumps(search.tuned), encoding="utf-8")
    summary = search.summary()
    describe(dict(summary))
    for name, value in summary.items():
        log_metric(name, value)
