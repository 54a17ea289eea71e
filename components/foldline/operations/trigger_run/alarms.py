"""What people are told of when no run starts. Pure."""

from collections.abc import Sequence

from foldline.operations.alerts import Alert
from foldline.operations.trigger_run.guards import BUDGET, DATA, Guard


def of_guards(guards: Sequence[Guard], model_name: str) -> list[Alert]:
    """An alert for a fault in the data, and for a budget that is used up while there is a reason for a run."""
    severities = {DATA: "critical", BUDGET: "warning"}
    return [
        Alert(
            key=guard.name.replace(" ", "-"),
            severity=severities[guard.name],
            subject=f"{guard.name}, model {model_name}",
            sentence=f"No run of model {model_name} starts. {guard.sentence}",
            figures=guard.figures,
        )
        for guard in guards
        if guard.name in severities and not guard.passes
    ]
