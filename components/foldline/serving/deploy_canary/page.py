"""The report of a canary."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from foldline.artifacts import Decision
from foldline.report import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TONES = {"promote": "good", "keep": "warn", "hold": "warn", "rollback": "bad"}
_LISTED = ("problems", "gates", "events", "effect")
_CHAMPION, _CHALLENGER = "#4a6fa5", "#c05621"


def canary(decision: Decision, series: Sequence[dict[str, Any]] = ()) -> Page:
    """A page with verdict, reasons, evidence over time, every figure and what was wrong.

    Args:
        series: one entry a look, as the rollout's record has them.
    """
    figures = {name: value for name, value in decision.figures.items() if name not in _LISTED}
    problems, gates, events, effect = (decision.figures.get(name, []) for name in _LISTED)
    page = Page("Canary", f"{figures['model_name']}, challenger {figures['challenger_version']}: {decision.verdict}")
    page.text(decision.reasons[0], _TONES[decision.verdict])
    for reason in decision.reasons[1:]:
        page.text(reason)
    if problems:
        page.heading("What was wrong")
        page.table(["check"], [[problem] for problem in problems])
    if gates:
        page.heading("Gates")
        page.table(*_gates(gates))
    if len(series) > 1:
        page.heading("Evidence over time")
        page.plot(_evidence(series, decision.policy))
    if effect:
        page.heading(f"Effect on {effect['of']}")
        page.figures({name.replace("_", " "): value for name, value in effect.items() if value not in ("", None)})
    if events:
        page.heading("What happened")
        start = events[0]["at"]
        page.table(["after", "event"], [[f"{event['at'] - start:.1f} s", event["what"]] for event in events])
    page.heading("Figures")
    page.figures({name.replace("_", " "): value for name, value in figures.items()})
    page.heading("Policy")
    page.figures({name.replace("_", " "): _flat(value) for name, value in decision.policy.items()})
    return page


def _gates(gates: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    header = ["gate", "champion", "challenger", "at most", "evidence for worse", "evidence for not worse", "satisfied"]
    rows = [
        [
            f"{gate['name']}: {gate['event']}",
            _rate(gate["events_champion"], gate["trials_champion"]),
            _rate(gate["events"], gate["trials"]),
            f"{gate['upper_bound']:.2%}",
            gate["e_worse"],
            gate["e_not_worse"],
            gate["problem"] or _allows(gate),
        ]
        for gate in gates
    ]
    return header, rows


def _allows(gate: dict[str, Any]) -> str:
    if gate["signal"] == "drift" and gate["e_not_worse"] is None and gate["satisfied"]:
        return "not required"
    return "yes" if gate["satisfied"] else "no"


def _rate(events: int, trials: int) -> str:
    return f"{events} of {trials} ({events / trials:.2%})" if trials else "no requests"


def _evidence(series: Sequence[dict[str, Any]], policy: dict[str, Any]) -> Figure:
    # Matplotlib takes a second to import.
    from matplotlib.figure import Figure

    names = [gate["name"] for gate in series[-1]["gates"]]
    times = [look["at"] - series[0]["at"] for look in series]
    figure = Figure(figsize=(9, 2.0 + 2.2 * (len(names) + 1)), layout="constrained")
    share, *panels = figure.subplots(len(names) + 1, 1, sharex=True, squeeze=False)[:, 0]
    share.step(times, [look["percent"] for look in series], where="post", color=_CHALLENGER)
    share.set(ylabel="challenger's\nshare, %", ylim=(0, 105))
    for position, (name, panel) in enumerate(zip(names, panels, strict=True)):
        gates = [look["gates"][position] for look in series]
        for key, label, color in (
            ("rate_champion", "champion", _CHAMPION),
            ("rate_challenger", "challenger", _CHALLENGER),
        ):
            rates = [float("nan") if gate[key] is None else 100 * gate[key] for gate in gates]
            panel.plot(times, rates, label=label, color=color)
        bounds = [100 * gate["upper_bound"] for gate in gates]
        panel.plot(times, bounds, label="challenger, at most", color=_CHALLENGER, linewidth=0.8, alpha=0.6)
        tolerance = 100 * (policy["gates"][position].get("tolerance") or 0.0)
        if tolerance:
            panel.axhline(tolerance, color=_CHALLENGER, linestyle="-.", linewidth=0.8, label="tolerance")
        seen = [100 * (gate[key] or 0.0) for gate in gates for key in ("rate_champion", "rate_challenger")]
        panel.set(ylabel=f"{fill(name, 22)}\nrate, %", ylim=(0, 1.2 * max([*seen, 2 * tolerance, bounds[-1]])))
        beside = panel.twinx()
        for key, label, style in (
            ("e_worse", "evidence for worse", "--"),
            ("e_not_worse", "evidence for not worse", ":"),
        ):
            values = [gate[key] for gate in gates]
            if None not in values:
                beside.plot(times, [max(value, 1e-4) for value in values], style, label=label, color="#555555")
        beside.set(ylabel="evidence", yscale="log", ylim=(1e-4, 1e6))
        beside.axhline(policy["revert_at"][name], color="#b3372c", linewidth=0.8)
        beside.axhline(policy["promote_at"], color="#2a7d3f", linewidth=0.8)
        if position == 0:
            lines = [*panel.get_lines(), *beside.get_lines()[:2]]
            panel.legend(lines, [str(line.get_label()) for line in lines], loc="upper left", fontsize=8, ncols=3)
    panels[-1].set_xlabel("seconds since the first look; red: evidence that reverts, green: evidence that promotes")
    return figure


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return "; ".join(_flat(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in value.items() if item is not None)
    return value
