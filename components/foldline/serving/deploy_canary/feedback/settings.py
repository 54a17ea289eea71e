"""Where a policy says that feedback is. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from foldline import document
from foldline.errors import ArgumentError
from foldline.object_store import is_object_address


@dataclass(frozen=True)
class Settings:
    """Where to find which arm answered a request, and what became of it.

    Attributes:
        log: folder or bucket (s3://bucket/prefix) of the model servers' request logs, JSON lines of CloudEvents.
        table: Parquet or CSV file, or object, that grows at its end: one row a request.
        request, value: its columns: the request's identity, and a number (mode ab) or the label (a bake).
        margin: after promotion the challenger's rate of errors may be this multiple of the champion's upper bound.
    """

    log: str
    table: str
    request: str = "request_id"
    value: str = "value"
    margin: float = 1.2

    @property
    def log_folder(self) -> str:
        """The log as a folder of this machine; empty where it is in a bucket."""
        return "" if is_object_address(self.log) else self.log

    def to_json(self) -> dict[str, Any]:
        """The entry of the policy document."""
        return asdict(self)


def parse(what: str, given: Any) -> Settings | None:
    """The settings in `given`; None of an empty object. Raises ArgumentError."""
    document.known(what, given, tuple(Settings.__dataclass_fields__))
    if not given:
        return None
    for key in ("log", "table", "request", "value"):
        if key in given and (not isinstance(given[key], str) or not given[key]):
            raise ArgumentError(f"{what}.{key}", expected="text", got=repr(given[key]))
    for key in ("log", "table"):
        if key not in given:
            raise ArgumentError(what, expected="the keys 'log' and 'table'", got=", ".join(map(repr, given)))
    if not given["table"].endswith((".parquet", ".csv")):
        raise ArgumentError(f"{what}.table", expected="NAME.parquet or NAME.csv", got=repr(given["table"]))
    margin = document.number(f"{what}.margin", given.get("margin", 1.2), least=1)
    return Settings(**{**given, "margin": margin})
