"""The model store: registered models by version, and aliases that say which one serves."""

from foldline.store.alias import Move
from foldline.store.naming import version_of
from foldline.store.opening import open_store
from foldline.store.store import CHAMPION, Store

__all__ = ["CHAMPION", "Move", "Store", "open_store", "version_of"]
