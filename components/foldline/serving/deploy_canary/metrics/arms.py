"""From samples of Prometheus to the counters of an arm. Pure.

What is missing, stale, torn or in an unlikely unit is a problem in words, and never zero.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from foldline.serving.deploy_canary.metrics.profiles import IN_MS, Profile
from foldline.serving.deploy_canary.metrics.prometheus import Found, Series
from foldline.serving.reading import ArmReading, Histogram

STALE_S = 90.0
# A histogram whose last edge lies outside was read in the wrong unit.
LAST_EDGE_MS = (1e3, 5e6)
_SAME_SCRAPE_S = 0.5


class MissingError(Exception):
    """An arm's counters cannot be told; the words say why."""


def selector(profile: Profile, arms: Sequence[str], processes: Found) -> str:
    """The series of these arms; `processes` tells whose they are where they do not say so themselves."""
    names = [profile.requests, profile.answered, profile.present, f"{profile.latency}_bucket"]
    also = "".join(f',{label}="{value}"' for label, value in profile.also)
    label, values = profile.arm, list(arms)
    if profile.named_by:
        named = [series for series in processes.series if _names_arm(series, profile)]
        label = "instance"
        values = sorted({one.labels.get(label, "") for one in named if one.labels[profile.arm] in arms})
    chosen = "|".join(re.escape(value) for value in values).replace("\\", "\\\\")
    return f'{{__name__=~"{"|".join(filter(None, names))}",{label}=~"{chosen}"{also}}}'


def named(found: Found, processes: Found, profile: Profile) -> Found:
    """The same series, each with the label of its arm, which its process may say for all of them."""
    if not profile.named_by:
        return found
    arms = {_process(one): one.labels[profile.arm] for one in processes.series if _names_arm(one, profile)}
    told = [
        replace(series, labels={**series.labels, profile.arm: arms[_process(series)]})
        for series in found.series
        if _process(series) in arms
    ]
    return replace(found, series=told)


def process_selector(profile: Profile) -> str:
    """The series that are no arm's."""
    return f'{{__name__=~"{"|".join(filter(None, [profile.started, profile.unserved, profile.named_by]))}"}}'


def current(found: Found, processes: Found) -> list[Series]:
    """The series of the arms that are still there, each process counted once.

    A series that its process does not have any more ends earlier than the process's others; a process that was scraped
    by two jobs is counted by the first.

    Raises:
        MissingError: there is none, or the newest is too old.
    """
    if not found.series:
        raise MissingError("Prometheus has no series of it")
    age = found.now - max(series.at for series in found.series)
    if age > STALE_S:
        raise MissingError(f"its last sample is {age:.0f} s old")
    job = min(series.labels.get("job", "") for series in found.series if found.now - series.at <= STALE_S)
    newest: dict[str, float] = {}
    for series in (*found.series, *processes.series):
        if series.labels.get("job", "") == job:
            instance = series.labels.get("instance", "")
            newest[instance] = max(newest.get(instance, 0.0), series.at)
    there = [
        series
        for series in found.series
        if series.labels.get("job", "") == job
        and found.now - series.at <= STALE_S
        and newest[series.labels.get("instance", "")] - series.at <= _SAME_SCRAPE_S
    ]
    if not there:
        raise MissingError("Prometheus has no series of it any more")
    return there


def own(samples: Sequence[Series], profile: Profile, names: Sequence[str]) -> list[Series]:
    """The samples of the arm that has these names.

    Raises:
        MissingError: it has none, or one is no count.
    """
    found = [series for series in samples if series.labels.get(profile.arm) in names]
    if not found:
        raise MissingError("Prometheus has no series of it")
    broken = next((series for series in found if not math.isfinite(series.value) or series.value < 0), None)
    if broken is not None:
        raise MissingError(f"{broken.name} is {broken.value}")
    return found


def arm(samples: Sequence[Series], profile: Profile, epoch: str) -> ArmReading:
    """The counters of the arm whose samples these are, added up over processes.

    Raises:
        MissingError: they cannot be told.
    """
    requests, errors, refused = _requests(samples, profile)
    return ArmReading(epoch, requests, errors, latency_ms=latency(samples, profile), refused=refused)


def latency(samples: Sequence[Series], profile: Profile) -> Histogram | None:
    """The histogram in milliseconds; None where there is none yet.

    Raises:
        MissingError: its unit is unlikely, or its bins do not add up.
    """
    bins: dict[float, float] = {}
    processes: dict[float, int] = {}
    for series in samples:
        if series.name == f"{profile.latency}_bucket":
            edge = float(series.labels["le"])
            bins[edge] = bins.get(edge, 0.0) + series.value
            processes[edge] = processes.get(edge, 0) + 1
    if not bins:
        return None
    edges = sorted(bins)
    cumulative = [round(bins[edge]) for edge in edges]
    if edges[-1] != math.inf or len(set(processes.values())) > 1 or cumulative != sorted(cumulative):
        raise MissingError(f"the bins of {profile.latency}_bucket do not fit together")
    scaled = tuple(edge * IN_MS[profile.unit] for edge in edges[:-1])
    if not scaled or not LAST_EDGE_MS[0] <= scaled[-1] <= LAST_EDGE_MS[1]:
        last = f"{scaled[-1]:g} ms" if scaled else "none"
        raise MissingError(
            f"the last edge of {profile.latency}_bucket is {last}, read in {profile.unit}: that is not its unit"
        )
    counts = (after - before for before, after in zip([0, *cumulative], cumulative, strict=False))
    return Histogram(scaled, tuple(counts))


def started(processes: Found, profile: Profile, before: dict[str, float]) -> dict[str, float]:
    """When each process started, seconds since 1970 by instance; `before` is what was told last.

    Uptimes are written now and then: a start that differs by little is the same one.
    """
    found = {}
    for series in processes.series:
        if series.name == profile.started and math.isfinite(series.value):
            instance = series.labels.get("instance", "")
            at = series.at - series.value if profile.is_uptime else series.value
            same = instance in before and abs(before[instance] - at) <= 15.0
            found[instance] = before[instance] if same else at
    return found


def unserved(samples: Sequence[Series], processes: Found, profile: Profile) -> int | None:
    """Requests that the routers of these samples could hand to nobody; None where they do not count them."""
    instances = {(series.labels.get("job"), series.labels.get("instance")) for series in samples}
    own = [
        series.value
        for series in processes.series
        if series.name == profile.unserved and (series.labels.get("job"), series.labels.get("instance")) in instances
    ]
    return round(sum(own)) if own and all(math.isfinite(value) for value in own) else None


def _process(series: Series) -> tuple[str, str]:
    return series.labels.get("job", ""), series.labels.get("instance", "")


def _names_arm(series: Series, profile: Profile) -> bool:
    return series.name == profile.named_by and profile.arm in series.labels


def _requests(samples: Sequence[Series], profile: Profile) -> tuple[int, int, int | None]:
    """Requests, errors, and refused ones where they are told."""
    counted = [series for series in samples if series.name == profile.requests]
    if not counted:
        if profile.present and any(series.name == profile.present for series in samples):
            return 0, 0, 0 if profile.refused else None
        raise MissingError(f"Prometheus has no {profile.requests} of it")
    requests = sum(series.value for series in counted)
    if not profile.code:
        answered = sum(series.value for series in samples if series.name == profile.answered)
        return round(requests), round(max(requests - answered, 0.0)), None
    errors, refused = (
        round(sum(one.value for one in counted if re.fullmatch(pattern, one.labels.get(profile.code, ""))))
        for pattern in (profile.errors, profile.refused)
    )
    return round(requests), errors, refused if profile.refused else None
