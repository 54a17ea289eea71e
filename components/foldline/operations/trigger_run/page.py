"""The report of trigger_run."""

from foldline.artifacts import Decision
from foldline.report import Page


def trigger(decision: Decision) -> Page:
    """A page with verdict, reasons, guards, the run, and the runs that were started before."""
    figures = decision.figures
    version = f", version {figures['model_version']}" if figures["model_version"] else ""
    page = Page("Trigger", f"model {figures['model_name']}{version}, at {figures['decided_at']}")
    page.text(decision.reasons[0], "good" if decision.verdict == "started" else "")
    for sentence in decision.reasons[1:]:
        page.text(sentence)
    run = figures["run"]
    if run:
        page.heading("Run")
        rows = [[run["name"], run["state"], figures["version"], figures["time_end"], run["address"]]]
        page.table(["run", "state", "version", "trained up to", "address"], rows, {run["address"]: run["address"]})
    if figures["reasons"]:
        page.heading("Reasons")
        page.table(
            ["reason", "what was seen", "key"],
            [[one["kind"], one["sentence"], one["key"][:12]] for one in figures["reasons"]],
        )
    page.heading("Guards")
    page.table(
        ["guard", "lets a run start", "what was seen"],
        [[one["name"], "yes" if one["passes"] else "no", one["sentence"]] for one in figures["guards"]],
    )
    if figures["alerts"]:
        page.heading("Alerts")
        page.table(
            ["alert", "severity", "sink", "outcome"],
            [
                [alert["key"], alert["severity"], delivery["sink"], delivery["outcome"]]
                for alert in figures["alerts"]
                for delivery in figures["deliveries"]
                if delivery["key"] == alert["key"]
            ],
        )
    if figures["starts"]:
        page.heading("Runs that were started")
        page.table(
            ["decided at", "run", "version", "reason"],
            [[one["at"], one["name"], one["version"], one["reason"]] for one in reversed(figures["starts"])],
            {one["name"]: one["address"] for one in figures["starts"] if one["address"]},
        )
    page.heading("Policy")
    page.figures({name.replace("_", " "): str(value) for name, value in decision.policy.items()})
    return page
