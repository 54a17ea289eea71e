"""Moments as people write them."""

from datetime import UTC, datetime

from foldline.errors import ArgumentError


def parse_time(text: str, parameter: str) -> datetime | None:
    """A time in ISO 8601, in UTC without a zone; None for empty text.

    Raises:
        ArgumentError: it is no such time.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentError(parameter, expected="a time in ISO 8601, as 2013-10-01", got=repr(text)) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
