"""Files of `choose_windows`: the store's champion in, times and version out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from foldline.artifacts import Model
from foldline.disk import room_for
from foldline.durations import seconds_of
from foldline.errors import ArgumentError, ArtifactError, StoreError
from foldline.moments import parse_time
from foldline.operations.choose_windows.windows import newest
from foldline.store import CHAMPION, open_store


@room_for("the outputs")
def run(
    time_start_path: str,
    time_end_path: str,
    model_version_path: str,
    *,
    store_uri: str,
    model_name: str,
    every: str,
    until: str,
    most_windows: int,
) -> None:
    """Write the span of the windows and the champion's version, a line of text each.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: the champion was trained on rows without times.
        DataError: no window has ended yet.
        StoreError: the store cannot be read, or has no champion of this name.
    """
    length = timedelta(seconds=seconds_of(every, argument="every"))
    if most_windows < 1:
        raise ArgumentError("most_windows", expected="at least 1", got=str(most_windows))
    now = parse_time(until, "until") or datetime.now(UTC).replace(tzinfo=None)
    store = open_store(store_uri)
    version = store.alias(model_name, CHAMPION)
    if version is None:
        raise StoreError(
            f"alias {CHAMPION} of model {model_name} in {store_uri}",
            expected="a model to watch",
            got="none",
            fix="Train one with train_and_serve.",
        )
    window = Model.read(store.fetch(model_name, version)).training["window"]
    if not window:
        raise ArtifactError(
            f"training window of model {model_name} {version}",
            expected="times of its rows, to know which are newer",
            got="none",
            fix="Train the model with time_column.",
        )
    span = newest(datetime.fromisoformat(window["end"]), length, now, most_windows)
    for path, text in (
        (time_start_path, span.start.isoformat()),
        (time_end_path, span.end.isoformat()),
        (model_version_path, version),
    ):
        Path(path).write_text(text, encoding="utf-8")
    print(f"{model_name} {version}: {span.windows} windows of {every}, {span.start} to {span.end}")
