"""The report of a canary."""

from foldline.artifacts import Decision
from foldline.report import Page

_TONES = {"promote": "good", "keep": "warn", "rollback": "bad"}


def canary(decision: Decision) -> Page:
    """A page with verdict, reasons, every figure and what was wrong."""
    figures = dict(decision.figures)
    problems = figures.pop("problems", [])
    page = Page("Canary", f"{figures['model_name']}, challenger {figures['challenger_version']}: {decision.verdict}")
    page.text(decision.reasons[0], _TONES[decision.verdict])
    for reason in decision.reasons[1:]:
        page.text(reason)
    if problems:
        page.heading("What was wrong")
        page.table(["check"], [[problem] for problem in problems])
    page.heading("Figures")
    page.figures({name.replace("_", " "): value for name, value in figures.items()})
    page.heading("Policy")
    page.figures({name.replace("_", " "): value for name, value in decision.policy.items()})
    return page
