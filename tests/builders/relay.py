"""A relay before a real HTTP server, which answers wrongly when it is told to."""

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from builders.wire import Asked, Reply, Wire, serving

Forward = Callable[[], Reply]
_KEPT = ("authorization", "content-type", "accept")


@contextmanager
def relaying(
    address: str, answer: Callable[[Asked, Forward], Reply], *, trust: ssl.SSLContext | None = None
) -> Iterator[Wire]:
    """A server whose answers `answer` gives, from what the server at `address` answers where it is asked."""
    parts = urlsplit(address)

    def answers(asked: Asked) -> Reply:
        def forward() -> Reply:
            host = (str(parts.hostname), parts.port)
            connection = (
                http.client.HTTPSConnection(*host, timeout=60, context=trust)
                if trust
                else http.client.HTTPConnection(*host, timeout=60)
            )
            headers = {name: value for name, value in asked.headers.items() if name.lower() in _KEPT}
            body = json.dumps(asked.content) if isinstance(asked.content, dict | list) else asked.content
            path = f"{asked.path}?{urlencode(asked.query)}" if asked.query else asked.path
            try:
                connection.request(asked.method, path, body or None, headers)
                came = connection.getresponse()
                kept = {name: value for name in ("Content-Type", "Date") if (value := came.getheader(name))}
                return Reply(came.status, came.read(), kept)
            finally:
                connection.close()

        return answer(asked, forward)

    with serving(answers) as wire:
        yield wire
