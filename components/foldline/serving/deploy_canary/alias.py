"""The alias `champion` of a model, as a rollout moves it."""

from collections.abc import Callable
from dataclasses import dataclass

from foldline.serving.deploy_canary.rollout.record import Record
from foldline.store import CHAMPION, Store


@dataclass(frozen=True)
class Alias:
    """The store's champion: `move` names the challenger, `restore` names again what it named before."""

    move: Callable[[], None]
    restore: Callable[[], None]
    has_moved: Callable[[], bool]


def of_record(store: Store, record: Record) -> Alias:
    """The alias of the rollout's model, moved only where it names what the rollout began with."""

    def move() -> None:
        store.set_alias(record.model_name, CHAMPION, record.challenger, expected=record.champion or None)

    def restore() -> None:
        if record.champion and has_moved():
            store.rollback(record.model_name, CHAMPION)

    def has_moved() -> bool:
        return store.alias(record.model_name, CHAMPION) == record.challenger

    return Alias(move, restore, has_moved)
