"""What is kept of each look, for the page: small enough for a ConfigMap. Pure."""

from collections.abc import Sequence
from typing import Any

MOST_LOOKS = 240
_KEPT = ("name", "rate_champion", "rate_challenger", "e_worse", "e_not_worse", "upper_bound", "satisfied")


def entry(at: float, percent: float, judged: dict[str, Any]) -> dict[str, Any]:
    """One look: seconds since 1970, the challenger's share, and of each gate rates and evidence.

    Args:
        judged: a Judgement in plain values.
    """
    gates = [{key: _short(gate[key]) for key in _KEPT} for gate in judged["gates"]]
    return {"at": round(at, 3), "percent": percent, "requests": judged["requests"], "gates": gates}


def line(percent: float, judged: dict[str, Any]) -> str:
    """One look as a line of the task's log."""
    gates = ", ".join(_gate_line(gate) for gate in judged["gates"])
    return f"{percent:g} % to the challenger, {judged['requests']} requests of it: {gates}"


def extended(series: Sequence[dict[str, Any]], last: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The series with one look more; every second of the earlier ones where they are too many."""
    kept = series if len(series) < MOST_LOOKS else series[::2]
    return (*kept, last)


def _gate_line(gate: dict[str, Any]) -> str:
    rates = " / ".join(
        "-" if rate is None else f"{rate:.2%}" for rate in (gate["rate_champion"], gate["rate_challenger"])
    )
    state = gate["problem"] or ("satisfied" if gate["satisfied"] else "not yet")
    return f"{gate['name']} {rates} ({state})"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
