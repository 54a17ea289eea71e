"""Counters that only rise, from counters that begin anew now and then. Pure.

A process that starts again begins at zero, and so does a series whose backend left the router and came back. A series
may also go on under its name for another model: Envoy names them by position.
"""

from collections.abc import Iterable

from foldline.serving.deploy_canary.metrics.prometheus import Series

_Key = tuple[str, tuple[tuple[str, str], ...]]


class Accumulated:
    """What was counted since the first look, by what was served."""

    def __init__(self) -> None:
        self._last: dict[_Key, tuple[float, float]] = {}
        self._looked_at: set[str] = set()
        self._since = -1.0
        self._sums: dict[str, dict[_Key, float]] = {}

    def take(self, samples: Iterable[tuple[str, Series]], starts: dict[str, float], since: float) -> None:
        """Add what was counted since the last look.

        Args:
            samples: what each series was counted for, and the series.
            starts: when each process started, by instance.
            since: changes where series may have gone over to another model; what they had then is not added.
        """
        listed = list(samples)
        if since != self._since:
            self._last, self._looked_at, self._since = {}, set(), since
        for subject, series in listed:
            key = (series.name, tuple(sorted(series.labels.items())))
            instance = series.labels.get("instance", "")
            start = starts.get(instance, 0.0)
            sums = self._sums.setdefault(subject, {})
            sums[key] = sums.get(key, 0.0) + _risen(
                self._last.get(key), start, series.value, instance in self._looked_at
            )
            self._last[key] = (start, series.value)
        self._looked_at |= {series.labels.get("instance", "") for _, series in listed}

    def of(self, subject: str) -> list[Series]:
        """All series that were ever counted for it, with what they rose by."""
        return [Series(name, dict(labels), 0.0, value) for (name, labels), value in self._sums.get(subject, {}).items()]


def _risen(last: tuple[float, float] | None, start: float, value: float, is_known: bool) -> float:
    if last is None:
        # A process that was looked at before did not have it then: it began at zero.
        return value if is_known else 0.0
    begun_anew = last[0] != start or value < last[1]
    return value if begun_anew else value - last[1]
