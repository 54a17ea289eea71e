"""Reasons of a verdict, in words with figures. Pure."""

from foldline.serving.deploy_canary.gate import Gate
from foldline.serving.deploy_canary.judge.evidence import SUSPICION
from foldline.serving.deploy_canary.judge.gates import GateJudgement
from foldline.serving.deploy_canary.policy import Policy


def worse(gate: GateJudgement) -> str:
    """Why a gate reverts."""
    kind = "differs" if gate.signal == "drift" else "is worse"
    evidence = f"evidence {_number(gate.e_worse)}, {_number(gate.needed)} needed"
    return f"{gate.name}: the challenger {kind}: {_rates(gate)}; {evidence}"


def above(gate: GateJudgement, limits: Gate, arm: str) -> str:
    """Why an arm fails its objective."""
    evidence = gate.e_objective if arm == "challenger" else gate.e_champion_objective
    return (
        f"{gate.name}: the {arm} is above the objective {limits.objective:.3%}: {_rates(gate)}; "
        f"evidence {_number(evidence)}, {_number(gate.needed)} needed"
    )


def satisfied(gate: GateJudgement, limits: Gate, needed: float) -> str:
    """Why a gate allows promotion."""
    if not limits.required:
        found = (
            f"no evidence in this look: {gate.problem}" if gate.problem else f"little evidence of more: {_rates(gate)}"
        )
        return f"{gate.name}: not required; {found}"
    if gate.e_not_worse is not None and gate.e_not_worse >= needed:
        return (
            f"{gate.name}: not worse than {limits.margin:g} times the champion: {_rates(gate)}; "
            f"evidence {_number(gate.e_not_worse)}, {_number(needed)} needed"
        )
    return f"{gate.name}: at most {gate.upper_bound:.3%}, tolerance {limits.tolerance:.3%}: {_rates(gate)}"


def waiting(gate: GateJudgement, limits: Gate, needed: float) -> str:
    """What a gate lacks."""
    if not limits.required:
        against = f"evidence {_number(gate.e_worse)} of more, below {SUSPICION:g} needed"
        return f"{gate.name}: not yet: {_rates(gate)}; {against}"
    if gate.problem:
        return f"{gate.name}: no evidence in this look: {gate.problem}"
    lacks = []
    if gate.e_not_worse is not None:
        lacks.append(f"evidence {_number(gate.e_not_worse)} of {_number(needed)} for the margin {limits.margin:g}")
    if limits.tolerance is not None:
        lacks.append(f"upper bound {gate.upper_bound:.3%} for the tolerance {limits.tolerance:.3%}")
    return f"{gate.name}: not yet: {_rates(gate)}; {', '.join(lacks)}"


def too_little(policy: Policy, requests: int, seconds: float) -> list[str]:
    """What is missing of the least requests and time of all steps together."""
    least_requests = sum(step.min_requests for step in policy.steps)
    least_seconds = sum(step.min_s for step in policy.steps)
    missing = []
    if requests < least_requests:
        missing.append(f"{requests} of at least {least_requests} requests of the challenger")
    if seconds < least_seconds:
        missing.append(f"{seconds:.0f} of at least {least_seconds:g} s")
    return missing


def _rates(gate: GateJudgement) -> str:
    challenger = f"{gate.events} of {gate.trials} ({gate.event})"
    if gate.signal == "disagreement":
        return challenger
    return f"{challenger}, champion {gate.events_champion} of {gate.trials_champion}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
