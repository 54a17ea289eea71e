"""Files of `trigger_run`: what was decided about the newest data in, a decision about a run out."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from foldline.artifacts import Dataset, Decision
from foldline.disk import room_for
from foldline.ending import ended_in_order
from foldline.errors import ArtifactError, FoldlineError
from foldline.operations.alerts import AlertSettings, deliver
from foldline.operations.trigger_run import alarms, attempt, guards, page, parameters, reasons, rows
from foldline.operations.trigger_run.claiming import Outcome
from foldline.operations.trigger_run.policy import Policy
from foldline.operations.trigger_run.shared_ledger import SharedLedger
from foldline.operations.trigger_run.told import figures_of, told
from foldline.operations.trigger_run.wish import Wish
from foldline.store import open_store
from foldline.store.naming import check_name
from foldline.store.records import open_records


@room_for("the outputs")
def run(
    *,
    validation: str,
    drift: str,
    monitoring: str,
    window: str,
    decision: str,
    report: str,
    store_uri: str,
    model_name: str,
    state_uri: str,
    time_end: str,
    pipeline: str,
    version: str,
    arguments: dict[str, Any],
    policy: dict[str, Any],
    alerts: dict[str, Any],
    backend: str,
    endpoint: str,
    namespace: str,
    serving_namespace: str,
    until: str,
    timeout_s: float,
    log_metric: Callable[[str, float], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Start one run where there is a reason and no guard refuses; a local run is awaited.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: an input is torn, or no decision of the right kind.
        StoreError: the ledger or the model store cannot be used.
        RunError: the run cannot start, or a local one did not end well; the decision is written in that case too.
        ClusterError: the Kubernetes API refuses something or does not answer.
    """
    rules, settings = Policy.parse(policy), AlertSettings.parse(alerts)
    check_name("model_name", model_name)
    now, where = parameters.moment(until), parameters.chosen(backend, os.environ)
    validated, drifted, monitored = (
        _decision(path, subject)
        for path, subject in ((validation, "validation"), (drift, "drift"), (monitoring, "monitoring"))
    )
    scored = Dataset.read(Path(window))
    end = time_end or rows.after_newest(scored)
    given = parameters.of_run(arguments, rules, store_uri=store_uri, model_name=model_name, time_end=end)
    labelled = rows.labelled(scored, str(drifted.figures["reference"].get("end") or ""))
    wish = Wish(
        model_name=model_name,
        reasons=reasons.find(drifted, labelled, rules, model_name),
        judged=reasons.model_version(drifted),
        data=guards.sound_data(validated, drifted),
        parameters=given,
        policy=rules,
        now=now,
    )
    ledger = SharedLedger(open_records(state_uri, argument="state_uri"), model_name, attempt.owner())
    store = open_store(store_uri)
    outcome, fault, at = Outcome((wish.data,)), None, ""
    with ended_in_order():
        if wish.reasons and wish.data.passes:
            with attempt.opened(
                where,
                store_uri=store_uri,
                model_name=model_name,
                pipeline=pipeline,
                version=version,
                endpoint=endpoint,
                namespace=namespace,
                serving_namespace=serving_namespace,
                timeout_s=timeout_s,
            ) as place:
                at = place.backend.version
                outcome = attempt.start(wish, place, ledger, store)
                if outcome.run is not None and outcome.started:
                    try:
                        outcome = replace(outcome, run=place.backend.follow(outcome.run))
                    except FoldlineError as failed:
                        fault = failed
    raised = alarms.of_guards(outcome.guards, model_name)
    sent = deliver(raised, settings, state_uri, now, _say, source=f"/foldline/trigger/{model_name}")
    figures = figures_of(wish, outcome, ledger.read(), labelled, monitored)
    figures |= {
        "backend": where,
        "pipeline": pipeline,
        "version": at,
        "time_end": end,
        "alerts": [alert.to_json() for alert in raised],
        "deliveries": [delivery.to_json() for delivery in sent],
    }
    made = Decision(
        subject="trigger",
        verdict="started" if outcome.started else "not started",
        reasons=told(wish, outcome, "" if fault is None else str(fault)),
        figures=figures,
        policy={**rules.to_json(), "alerts": settings.to_json()},
    )
    made.write(Path(decision))
    page.trigger(made).write(Path(report))
    for name, value in (
        ("started", float(outcome.started)),
        ("reasons", float(len(wish.reasons))),
        ("new_labelled_rows", float(labelled.rows)),
        ("new_labelled_days", labelled.days),
    ):
        log_metric(name, value)
    describe({"verdict": made.verdict, "reason": made.reasons[0], "run": figures["run"].get("name", "")})
    _say(made.reasons[0])
    if fault is not None:
        raise fault


def _decision(path: str, subject: str) -> Decision:
    found = Decision.read(Path(path))
    if found.subject != subject:
        raise ArtifactError(f"field subject of {path}", expected=repr(subject), got=repr(found.subject))
    return found


def _say(line: str) -> None:
    print(line, flush=True)
