"""What a compiled pipeline holds, its sub-pipelines and loops included."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Task(NamedTuple):
    """A task with an executor, and how deep in the pipeline it is.

    Attributes:
        above: the sub-pipelines and loops that hold it, the outermost first: name, and whether it is in a loop itself.
        looped: whether the task runs once for each item of a list.
    """

    name: str
    content: dict[str, Any]
    above: tuple[tuple[str, bool], ...]
    looped: bool


def tasks(ir: dict[str, Any]) -> list[Task]:
    """All tasks with executors of a compiled pipeline."""
    return list(_below(ir["root"]["dag"], ir["components"], (), looped=False))


def _below(
    dag: dict[str, Any], components: dict[str, Any], above: tuple[tuple[str, bool], ...], *, looped: bool
) -> Iterator[Task]:
    for name, content in dag["tasks"].items():
        inner = components[content["componentRef"]["name"]].get("dag")
        if inner is None:
            yield Task(name, content, above, looped)
        else:
            yield from _below(
                inner, components, (*above, (name, looped)), looped=looped or "parameterIterator" in content
            )
