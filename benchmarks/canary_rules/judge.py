"""The judge's own figures: how many requests it needs, and how often it is wrong over 60 looks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from traffic import Scenario, windows

from foldline.serving.deploy_canary.judge.evidence import Evidence, compare
from foldline.serving.deploy_canary.policy import Policy

LOOKS = 60
ALPHA = 0.05


def power(runs: int, seed: int) -> dict[str, dict[str, int]]:
    """Median of the challenger's requests until 2 % errors are told from 0.5 %, by requests a window and gates: as many
    without drift, and the policy's own."""
    scenario, policy = Scenario("worse", 0.005, 0.02), Policy.parse({})
    thresholds = {str(gates): gates / ALPHA for gates in (1, 3, 5)}
    thresholds["default"] = policy.revert_threshold(policy.gates[0])
    return {
        str(requests): {
            name: int(np.median(_until(scenario, threshold, runs, seed, requests=requests, number=600)))
            for name, threshold in thresholds.items()
        }
        for requests in (100, 200, 500, 1000)
    }


def errors(runs: int, seed: int) -> dict[str, Any]:
    """Shares of equal challengers that one gate reverts, and of those at the margin 2 that it takes for not worse."""
    found: dict[str, Any] = {}
    for form in ("steady", "day", "outages", "pods", "long bursts", "single pods"):
        equal, twice = Scenario(form, 0.005, 0.005, form=form), Scenario(form, 0.005, 0.01, form=form)
        for share in (0.1, 0.5):
            shape: dict[str, Any] = {"requests": 500, "share": share, "number": LOOKS}
            kept = form in ("steady", "day")
            found[f"{form}, {share:.0%}"] = {
                "false_revert": _share(_until(equal, 1.0 / ALPHA, runs, seed, **shape)),
                "false_revert_three_gates": _share(_until(equal, 3.0 / ALPHA, runs, seed, **shape)),
                # Bursts that hit both arms alike leave less than twice the champion's errors.
                "false_promote": _share(_until(twice, 1.0 / ALPHA, runs, seed, not_worse=True, **shape))
                if kept
                else None,
            }
    return found


def _until(
    scenario: Scenario, threshold: float, runs: int, seed: int, *, not_worse: bool = False, **shape: Any
) -> NDArray[np.float64]:
    evidence, used, until = Evidence.none(threshold, (runs,)), np.zeros(runs), np.full(runs, np.inf)
    for window in windows(scenario, runs, seed, **shape):
        champion, challenger = window.errors
        used += challenger.trials
        evidence = (
            compare(evidence, champion, challenger, 0.5) if not_worse else compare(evidence, challenger, champion, 1.0)
        )
        until = np.where(np.isinf(until) & evidence.decides, used, until)
        if np.isfinite(until).all():
            break
    return until


def _share(until: NDArray[np.float64]) -> float:
    return round(float(np.isfinite(until).mean()), 4)
