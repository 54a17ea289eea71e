"""The report of the monitoring."""

from typing import Any

from foldline.artifacts import Decision
from foldline.operations.monitor_predictions import plots
from foldline.operations.monitor_predictions.verdict import ALERT, FINE
from foldline.report import Page

MOST_MEMBERS = 15
_TONES = {FINE: "good", ALERT: "bad"}


def monitoring(decision: Decision) -> Page:
    """A page with verdict, alerts and every figure over time."""
    figures = decision.figures
    page = Page(
        "Monitoring",
        f"model {figures['model_version']}, periods of {figures['every']}, inputs and predictions of the "
        f"{figures['source']}, up to {figures['until']}",
    )
    page.text(f"Verdict: {decision.verdict}.", _TONES.get(decision.verdict, "warn"))
    for reason in decision.reasons:
        page.text(reason, "bad" if any(reason == alert["sentence"] for alert in figures["alerts"]) else "")
    _alerts(page, figures)
    _families(page, figures["families"])
    _predictions(page, figures["predictions"])
    _performance(page, figures)
    _inputs(page, figures)
    _traffic(page, figures)
    page.heading("Policy")
    page.figures({name.replace("_", " "): value for name, value in decision.policy.items() if name != "alerts"})
    return page


def _alerts(page: Page, figures: dict[str, Any]) -> None:
    if not figures["alerts"]:
        return
    page.heading("Alerts")
    severity = {alert["key"]: alert["severity"] for alert in figures["alerts"]}
    page.table(
        ["alert", "severity", "sink", "outcome", ""],
        [
            [one["key"], severity[one["key"]], one["sink"], one["outcome"], one["detail"]]
            for one in figures["deliveries"]
        ],
    )


def _families(page: Page, families: dict[str, Any]) -> None:
    page.heading("What is judged")
    page.table(
        ["family", "periods judged", "held against", "p of the newest", ""],
        [
            [name, one["judged"], one["nulls"], None if one["problem"] else one["p"], one["problem"]]
            for name, one in families.items()
        ],
    )
    for name, one in families.items():
        if one["members"]:
            page.heading(f"Nearest to an alarm: {name}")
            page.table(
                ["", "newest", "usual", "alarms from", "adjusted p", "periods that alarm"],
                [
                    [member["name"], *(member[key] for key in ("value", "usual", "threshold", "p", "alarms"))]
                    for member in one["members"][:MOST_MEMBERS]
                ],
            )


def _predictions(page: Page, predictions: dict[str, Any]) -> None:
    page.heading("Predictions")
    newest = next((one for one in reversed(predictions["statistics"]) if one), None)
    if newest is None:
        page.text("No predictions in any period.", "warn")
        return
    page.plots(plots.predictions(predictions))
    page.text("The newest period with predictions:")
    rows = [[name, *one.values()] for name, one in zip(predictions["outputs"], newest, strict=True)]
    page.table(["", *newest[0]], rows)


def _performance(page: Page, figures: dict[str, Any]) -> None:
    page.heading("Performance")
    estimates, labels = figures.get("estimates"), figures["labels"]
    if estimates:
        page.text(
            f"Estimated before labels come ({estimates['method']}), with the interval ({estimates['confidence']:.0%}) "
            f"in which the real figure of these rows is to be expected. Assumption: {estimates['assumption']}."
        )
    page.plots(plots.performance(figures["predictions"]["starts"], estimates, labels))
    if any(labels["bias"]):
        page.text("Predicted less observed, with an interval for all classes at once:")
        page.plots(plots.bias(labels))
    else:
        page.text("No period has enough rows with labels: bias and real performance are not known yet.")


def _inputs(page: Page, figures: dict[str, Any]) -> None:
    page.heading("Inputs")
    drawn = plots.inputs(figures)
    if drawn:
        page.plots(drawn)
    else:
        page.text("No value of any column is missing, of a wrong type, unseen or out of range.")
    log = figures.get("log")
    if log:
        for key, words in (
            ("columns_of_reference_only", "Columns of the reference that no request has"),
            ("columns_of_requests_only", "Columns of requests that the reference has not"),
        ):
            if log[key]:
                page.text(f"{words}: {', '.join(log[key])}.")


def _traffic(page: Page, figures: dict[str, Any]) -> None:
    page.heading("Requests and server")
    if "traffic" not in figures:
        page.text("Not measured: neither a request log nor Prometheus tells of requests.")
        return
    page.plots(plots.traffic(figures["traffic"]))
