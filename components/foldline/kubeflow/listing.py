"""Lists of what a server holds, page by page, filtered by the server."""

import json
from collections.abc import Iterator
from typing import Any

from foldline.kubeflow.connection import Connection

_EQUALS = 1
_PAGE = 100


def every(connection: Connection, kind: str, call: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
    """All objects that the listing `call` gives, in the server's order; a page is asked for when it is needed.

    Args:
        kind: name of the list in an answer, as `recurring_runs`.
        arguments, options: of the call.

    Raises:
        RunError: the server refuses.
    """
    token = ""
    while True:
        answer = connection.ask(kind.replace("_", " "), call, *arguments, page_token=token, page_size=_PAGE, **options)
        yield from getattr(answer, kind) or ()
        token = answer.next_page_token or ""
        if not token:
            return


def named(name: str) -> str:
    """The server's filter for objects that have this name in the UI."""
    return having("display_name", name)


def having(key: str, value: str) -> str:
    """The server's filter for objects of which the field `key` is `value`."""
    return json.dumps({"predicates": [{"operation": _EQUALS, "key": key, "stringValue": value}]})
