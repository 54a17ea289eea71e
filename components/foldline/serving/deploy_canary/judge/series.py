"""Evidence over time, from the judgements of a rollout. Pure."""

import math
from collections.abc import Sequence
from typing import Any


def series(judgements: Sequence[dict[str, Any]], gate: str) -> dict[str, list[float | None]]:
    """What one gate said at each look, as lists of one length; None where it said nothing.

    Args:
        judgements: each as `Judgement.to_json` gives it, in order of time.
        gate: name of the gate.

    Returns:
        `seconds` since the first look, `requests` of the challenger, `rate_champion`, `rate_challenger`, `upper_bound`,
        and `log10_worse` and `log10_not_worse`, the decimal logarithms of the evidence.
    """
    found: dict[str, list[float | None]] = {name: [] for name in ("seconds", "requests", *_RATES, *_EVIDENCE.values())}
    for judgement in judgements:
        said = next(one for one in judgement["gates"] if one["name"] == gate)
        found["seconds"].append(judgement["at"] - judgements[0]["at"])
        found["requests"].append(judgement["requests"])
        for name in _RATES:
            found[name].append(said[name] if said["trials"] else None)
        for name, logarithm in _EVIDENCE.items():
            found[logarithm].append(math.log10(said[name]) if said[name] else None)
    return found


_RATES = ("rate_champion", "rate_challenger", "upper_bound")
_EVIDENCE = {"e_worse": "log10_worse", "e_not_worse": "log10_not_worse"}
