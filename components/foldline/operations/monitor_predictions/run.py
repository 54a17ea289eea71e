"""Files of `monitor_predictions`: datasets, log and measurements in; decision, report and alerts out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from foldline.artifacts import Dataset, Decision
from foldline.disk import room_for
from foldline.durations import seconds_of
from foldline.errors import ArgumentError
from foldline.operations.alerts import Alert, AlertSettings, Delivery, deliver
from foldline.operations.monitor_predictions import figures, page
from foldline.operations.monitor_predictions.findings import ESTIMATE, Family
from foldline.operations.monitor_predictions.inputs.expected import expectations
from foldline.operations.monitor_predictions.inputs.judging import absent_columns, judge_inputs
from foldline.operations.monitor_predictions.inputs.tally import of_reference
from foldline.operations.monitor_predictions.log.reading import lines
from foldline.operations.monitor_predictions.measured import NOT_MEASURED, Measured, measure
from foldline.operations.monitor_predictions.natural import Chain, chain
from foldline.operations.monitor_predictions.periods import Periods, microseconds
from foldline.operations.monitor_predictions.policy import Policy
from foldline.operations.monitor_predictions.quality import judge_estimate, judge_labels
from foldline.operations.monitor_predictions.reference import LEAST_CALIBRATING, MOST_PERIODS, Cut, check_same_model
from foldline.operations.monitor_predictions.seen import Seen, in_log, in_window
from foldline.operations.monitor_predictions.traffic import REQUESTS, judge_traffic
from foldline.operations.monitor_predictions.verdict import SUBJECT, alerts_of, judged
from foldline.serving.deploy_canary.feedback.files import files
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus
from foldline.store.records import open_records


@dataclass(frozen=True)
class _Settings:
    """The parameters, checked before anything is read."""

    length: int
    now: datetime
    policy: Policy
    alerts: AlertSettings
    prometheus: Prometheus | None


@room_for("the outputs")
def run(
    *,
    reference: str,
    window: str,
    decision: str,
    report: str,
    request_log_uri: str,
    prometheus_url: str,
    every: str,
    until: str,
    policy: dict[str, Any],
    alerts: dict[str, Any],
    state_uri: str,
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Watch the predictions of the model of `reference` and `window`.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: an input is torn or not scored, or they are of different models.
        ServingError: the request log cannot be read.
    """
    settings = _settings(every, until, policy, alerts, state_uri, prometheus_url)
    before, later = Dataset.read(Path(reference)), Dataset.read(Path(window))
    check_same_model(before, later)
    known, cut = Cut.of_reference(before, settings.length), Cut.of_window(later, before, settings.length)
    version = str(before.model["version"])
    served = Periods.ending(microseconds(settings.now), settings.length, MOST_PERIODS)
    watched = served if request_log_uri else cut.periods
    lag = known.lag(watched.start + watched.count * watched.length)
    how = chain(known.periods.count, lag)
    # What is unseen is so with regard to the slice that a period is compared with.
    newest = known.period >= known.periods.count - how.width if how else known.period >= -1
    expected = expectations(known.table.filter(newest), known.columns)
    seen = (
        in_log(lines(files(request_log_uri, "request_log_uri")), version, known.task.outputs, served, expected)
        if request_log_uri
        else in_window(cut, expected)
    )
    measured = measure(settings.prometheus, version, served) if settings.prometheus else Measured()
    usual = of_reference(
        known.table,
        known.period,
        {name: expected[name] for name in seen.tally.columns},
        how or Chain(known.periods.count, 1, 1),
    )
    inputs = judge_inputs(usual, seen.tally, how, settings.policy)
    families, found = _judged(known, cut, seen, measured, lag, served, settings.policy)
    families, found["families"] = [inputs, *families], {one.name: one.to_json() for one in (inputs, *families)}
    raised = alerts_of(families, absent_columns(usual, seen.tally), version)
    said = deliver(raised, settings.alerts, state_uri, settings.now, print, source=f"/foldline/monitoring/{version}")
    verdict, reasons = judged(families, raised, _notes(measured, settings, found))
    made = Decision(
        subject=SUBJECT,
        verdict=verdict,
        reasons=reasons,
        figures={
            "model_version": version,
            "source": seen.source,
            "every": every,
            "until": settings.now.isoformat(),
            **found,
            "alerts": [alert.to_json() for alert in raised],
            "deliveries": [delivery.to_json() for delivery in said],
        },
        policy={**settings.policy.to_json(), "alerts": settings.alerts.to_json()},
    )
    made.write(Path(decision))
    page.monitoring(made).write(Path(report))
    for name, value in _metrics(found, families, raised, said).items():
        log_metric(name, value)
    describe({"verdict": verdict, "alerts": len(raised), "model_version": version})


def _settings(
    every: str, until: str, policy: dict[str, Any], alerts: dict[str, Any], state_uri: str, prometheus_url: str
) -> _Settings:
    try:
        now = datetime.fromisoformat(until) if until else datetime.now(UTC)
    except ValueError:
        raise ArgumentError("until", expected="a time in ISO 8601", got=repr(until)) from None
    if "@" in urlsplit(prometheus_url).netloc:
        raise ArgumentError("prometheus_url", expected="an address without user and password", got="one with them")
    if state_uri:
        open_records(state_uri, argument="state_uri")
    return _Settings(
        length=seconds_of(every, argument="every") * 1_000_000,
        now=now if now.tzinfo else now.replace(tzinfo=UTC),
        policy=Policy.parse(policy),
        alerts=AlertSettings.parse(alerts),
        prometheus=Prometheus(prometheus_url) if prometheus_url else None,
    )


def _judged(
    known: Cut, cut: Cut, seen: Seen, measured: Measured, lag: int, served: Periods, policy: Policy
) -> tuple[list[Family], dict[str, Any]]:
    """What is said of predictions and traffic, and the figures of all that was seen."""
    task, families = known.task, []
    found: dict[str, Any] = {"predictions": figures.of_predictions(seen, task), "inputs": figures.of_inputs(seen.tally)}
    estimator, rows = known.estimator(), seen.rows(task.outputs)
    if estimator is not None:
        families.append(judge_estimate(estimator, known.rows, rows, lag, policy))
        found["estimates"] = figures.of_estimates(estimator, rows, policy)
    elif task.is_classification:
        problem = f"the reference has fewer than {LEAST_CALIBRATING} rows with label and prediction, or one class only"
        families.append(Family.unjudged(ESTIMATE, problem))
    end = cut.periods.start + cut.periods.count * cut.periods.length
    families.append(judge_labels(task, known.rows, cut.rows, known.lag(end), policy))
    found["labels"] = figures.of_labels(task, cut.rows, cut.periods, policy)
    rates = {**measured.figures, **seen.traffic}
    if REQUESTS in rates:
        families.append(judge_traffic(rates, policy))
        found["traffic"] = figures.of_traffic(served, rates)
    if seen.log:
        found["log"] = seen.log
    return families, found


def _notes(measured: Measured, settings: _Settings, found: dict[str, Any]) -> list[str]:
    notes = []
    if settings.prometheus is None:
        notes.append(f"CPU and memory: {NOT_MEASURED}, since no prometheus_url is given.")
    elif measured.problem:
        notes.append(f"CPU and memory: {NOT_MEASURED}: {measured.problem.rstrip('.')}.")
    passed_over = found.get("log", {}).get("passed_over", {})
    if passed_over:
        counted = ", ".join(f"{count} {reason}" for reason, count in passed_over.items())
        notes.append(f"Of the request log, not counted or not whole: {counted}.")
    if "estimates" not in found:
        notes.append("Performance before labels come is not estimated: it needs calibrated probabilities.")
    return notes


def _metrics(
    found: dict[str, Any], families: list[Family], raised: list[Alert], said: list[Delivery]
) -> dict[str, float]:
    made = {
        "rows": float(sum(found["predictions"]["rows"])),
        "alerts": float(len(raised)),
        "alerts_sent": float(len({delivery.key for delivery in said if delivery.outcome == "sent"})),
        **{f"p_{family.name}": family.p for family in families if not family.problem},
    }
    for name in ("roc_auc", "log_loss", "accuracy"):
        estimate = figures.newest(found.get("estimates", {}).get(name, []))
        if estimate is not None:
            made[f"estimated_{name}"] = estimate["value"]
    for name, values in found["labels"]["metrics"].items():
        real = figures.newest(values)
        if real is not None:
            made[name] = real
    return made
