"""Small pipelines whose tasks run in the environment of the launcher image."""

from collections.abc import Callable
from pathlib import Path

from kfp import dsl

from foldline._image import LAUNCHER
from foldline_pipelines.compile import compile_pipeline


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def write_rows(rows: int, text: str, table: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]):
    import pathlib
    import sys

    import polars

    folder = pathlib.Path(table.path)
    folder.mkdir(parents=True)
    polars.DataFrame({"number": range(rows)}).write_parquet(folder / "rows.parquet")
    (folder / "text.txt").write_text(text)
    table.metadata["rows"] = rows
    metrics.log_metric("rows", rows)
    metrics.metadata["prefix"] = sys.prefix
    print("wrote", rows, "rows")


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def count_rows(table: dsl.Input[dsl.Dataset], page: dsl.Output[dsl.HTML], most: int) -> int:
    import pathlib

    import polars

    from foldline.errors import DataError

    rows = polars.read_parquet(f"{table.path}/rows.parquet").height
    if rows > most:
        raise DataError("table", expected=f"at most {most} rows", got=f"{rows}", fix="Ask for fewer.")
    pathlib.Path(page.path).write_text(f"<!doctype html><title>rows</title><p>{rows} rows</p>")
    return rows


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def note(table: dsl.Input[dsl.Dataset], text: dsl.Output[dsl.Artifact]):
    import pathlib

    pathlib.Path(text.path).write_text((pathlib.Path(table.path) / "text.txt").read_text())


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def use(megabytes: int, seconds: float):
    import time

    held = bytearray(megabytes * 1_000_000)
    for index in range(0, len(held), 4096):
        held[index] = 1
    ended = time.process_time() + seconds
    while time.process_time() < ended:
        pass


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def hang(folder: str):
    import os
    import pathlib
    import subprocess
    import time

    own_session = subprocess.Popen(["sleep", "300"], start_new_session=True)
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; while true; do sleep 1; done"])
    identifiers = [os.getpid(), own_session.pid, stubborn.pid]
    beside = pathlib.Path(folder) / "identifiers.part"
    beside.write_text(" ".join(map(str, identifiers)))
    beside.rename(pathlib.Path(folder) / "identifiers")
    time.sleep(300)


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def nothing(number: int) -> int:
    return number


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def kill_itself():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def read_file(file: str) -> str:
    import pathlib

    return pathlib.Path(file).read_text()


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def start_another(pipeline: str, name: str):
    import os
    import pathlib
    import shlex
    import subprocess

    command = shlex.split(os.environ["FOLDLINE_COMMAND"])
    folder = pathlib.Path(os.environ["FOLDLINE_RUN_FOLDER"]).parent / name
    subprocess.run([*command, "run", pipeline, "--out", str(folder)], check=True)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def elsewhere():
    pass


@dsl.pipeline(name="count")
def count(rows: int = 3, text: str = "hello", most: int = 10):
    """Write rows and count them."""
    written = write_rows(rows=rows, text=text)
    counted = count_rows(table=written.outputs["table"], most=most)
    kept = note(table=written.outputs["table"]).after(counted)
    kept.set_caching_options(False)


@dsl.pipeline(name="needs-file")
def needs_file(file: str, rows: int = 3, text: str = "hello"):
    written = write_rows(rows=rows, text=text)
    read = read_file(file=file).after(written)
    kept = note(table=written.outputs["table"]).after(read)
    kept.set_caching_options(False)


@dsl.pipeline(name="twice")
def twice():
    first = write_rows(rows=1, text="first")
    second = write_rows(rows=2, text="second").after(first)
    note(table=first.outputs["table"]).after(second)
    note(table=second.outputs["table"])


@dsl.pipeline(name="inner")
def inner(rows: int, text: str):
    written = write_rows(rows=rows, text=text)
    note(table=written.outputs["table"])


@dsl.pipeline(name="sub-pipeline-twice")
def sub_pipeline_twice():
    first = inner(rows=1, text="first")
    inner(rows=2, text="second").after(first)


@dsl.pipeline(name="loop")
def loop():
    with dsl.ParallelFor([1, 2, 3]) as number:
        nothing(number=number)


@dsl.pipeline(name="wrong")
def wrong():
    made = nothing(number=1)
    with dsl.ParallelFor([2, 3]):
        nothing(number=made.output)


@dsl.pipeline(name="burn")
def burn(megabytes: int = 300, seconds: float = 0.8):
    use(megabytes=megabytes, seconds=seconds)


@dsl.pipeline(name="stuck")
def stuck(folder: str):
    nothing(number=1).after(hang(folder=folder))


@dsl.pipeline(name="searching")
def searching(
    search: dict = {},  # noqa: B006 (KFP copies it)
    search_engine: str = "none",
    checkpoint_uri: str = "",
):
    nothing(number=1)


@dsl.pipeline(name="chain")
def chain(number: int = 1):
    last = nothing(number=number)
    for _ in range(4):
        last = nothing(number=last.output)


@dsl.pipeline(name="killed")
def killed():
    kill_itself()


@dsl.pipeline(name="nested")
def nested(pipeline: str, name: str):
    start_another(pipeline=pipeline, name=name)


@dsl.pipeline(name="retrain")
def retrain(store_uri: str, model_name: str, time_end: str, megabytes: int = 1):
    use(megabytes=megabytes, seconds=0.0)


@dsl.pipeline(name="foreign")
def foreign():
    elsewhere()


@dsl.pipeline(name="typed")
def typed(
    dataset_uri: str,
    label: str = "",
    n_folds: int = 5,
    rate: float = 0.5,
    shuffled: bool = False,
    derived: dict = {},  # noqa: B006 (KFP copies it)
    columns: list = [],  # noqa: B006 (KFP copies it)
    store_uri: str = "",
    model: str = "",
    model_code: str = "",
):
    nothing(number=n_folds)


def compiled(folder: Path, pipeline: Callable[..., object]) -> Path:
    """Compiled file of one of the pipelines above."""
    path = folder / "pipeline.yaml"
    compile_pipeline(pipeline, path, {})
    return path
