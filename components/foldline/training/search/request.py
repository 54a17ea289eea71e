"""What a run asks of a search, checked before anything of it starts."""

from collections.abc import Mapping
from typing import Any

from foldline.errors import ArgumentError
from foldline.training.search.capabilities import ENGINES, KATIB, check
from foldline.training.search.definition import Definition

NO_ENGINE = "none"


def check_request(search: Mapping[str, Any], search_engine: str, checkpoint_uri: str) -> None:
    """Check a search and its engine as far as they can be checked without the data.

    Args:
        search: the definition; empty for no search.
        search_engine: `none`, or the name of an engine.
        checkpoint_uri: where the search is kept.

    Raises:
        ArgumentError: the engine has no known name, only one of definition and engine is given, the definition has a
            fault or asks for what the engine cannot do, or Katib's trials have no bucket to read from.
    """
    check_engine(search, search_engine)
    if not search:
        return
    check(Definition.parse(search, None), search_engine)
    if search_engine == KATIB and "://" not in checkpoint_uri:
        got = repr(checkpoint_uri) if checkpoint_uri else "nothing"
        raise ArgumentError("checkpoint_uri", expected="a bucket, which trials on Katib read their rows from", got=got)


def check_engine(search: Mapping[str, Any], search_engine: str) -> None:
    """Check that a search has an engine, and an engine a search.

    Raises:
        ArgumentError: the engine has no known name, or only one of the two is given.
    """
    known = (NO_ENGINE, *ENGINES)
    if search_engine not in known:
        raise ArgumentError("search_engine", expected=" or ".join(known), got=repr(search_engine))
    if search and search_engine == NO_ENGINE:
        raise ArgumentError(
            "search_engine", expected=f"{' or '.join(ENGINES)} for the search that is given", got=repr(search_engine)
        )
    if not search and search_engine != NO_ENGINE:
        raise ArgumentError("search", expected=f"a definition for {search_engine}", got="nothing")
