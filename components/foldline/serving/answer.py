"""What came back for a request to a model server."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back for one request.

    Attributes:
        status: of HTTP; 0 where no answer came.
        content: the JSON body, or what went wrong.
        version: the model version that the server says it is.
        seconds: from request to answer.
    """

    status: int
    content: Any
    version: str
    seconds: float
