"""What becomes of requests: the servers' request logs, and a table that grows by what is known of each request."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from foldline.serving.server.events import REQUEST


class Asked(NamedTuple):
    """Of a logged request: who answered it, and the distance that it had."""

    version: str
    distance: float


class Told:
    """A folder of request logs and a table beside it.

    Attributes:
        log, table: as a policy names them.
    """

    def __init__(self, folder: Path) -> None:
        self.log, self.table = folder / "log", folder / "told.csv"

    @property
    def settings(self) -> dict[str, str]:
        return {"log": str(self.log), "table": str(self.table)}

    def logged(self) -> dict[str, Asked]:
        """Each request in the logs, by its identity."""
        found = {}
        for path in sorted(self.log.glob("*.jsonl")):
            whole, _, _ = path.read_bytes().rpartition(b"\n")
            for line in whole.splitlines():
                event = json.loads(line)
                if event["type"] == REQUEST:
                    (row,) = event["data"]["instances"]
                    found[event["id"]] = Asked(event["modelversion"], row.get("distance") or 0.0)
        return found

    def tell(self, values: dict[str, float]) -> None:
        """Write the value of each of these requests."""
        rows = [f"{request},{value}" for request, value in values.items()]
        self.table.write_text("\n".join(["request_id,value", *rows, ""]))

    @contextmanager
    def labels_arrive(self) -> Iterator[None]:
        """A block in which the table grows by the true label of each logged request: late where the distance is above
        0, as models of a weight above 0 say."""
        ended, told = threading.Event(), set[str]()
        self.tell({})

        def tell() -> None:
            while not ended.wait(0.3):
                new = {request: asked for request, asked in self.logged().items() if request not in told}
                told.update(new)
                with self.table.open("a") as file:
                    file.writelines(
                        f"{request},{'true' if asked.distance > 0 else 'false'}\n" for request, asked in new.items()
                    )

        teller = threading.Thread(target=tell)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()
