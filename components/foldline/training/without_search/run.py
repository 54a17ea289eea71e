"""Output of `without_search`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foldline.disk import room_for
from foldline.training.search.request import check_engine


@room_for("the output")
def run(search_engine: str, definition: Mapping[str, Any], tuned_path: str) -> None:
    """Write that there are no settings.

    Raises:
        ArgumentError: the engine has no known name, or there is a definition and no engine to run it.
    """
    check_engine(definition, search_engine)
    Path(tuned_path).write_text(json.dumps({}), encoding="utf-8")
