"""Parameters of trigger_run, checked together, and those of the run that it starts. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from foldline.errors import ArgumentError
from foldline.operations.trigger_run.backends.local import COMMAND
from foldline.operations.trigger_run.policy import Policy

AUTO, KUBEFLOW, LOCAL = "auto", "kubeflow", "local"


def chosen(backend: str, environment: Mapping[str, str]) -> str:
    """The backend by its name, or for `auto` the one that this task runs in.

    Raises:
        ArgumentError: it is none.
    """
    if backend not in (AUTO, KUBEFLOW, LOCAL):
        raise ArgumentError("backend", expected=f"{AUTO}, {KUBEFLOW} or {LOCAL}", got=repr(backend))
    if backend == AUTO:
        return LOCAL if environment.get(COMMAND) else KUBEFLOW
    return backend


def moment(until: str) -> datetime:
    """The time of the decision, aware; now for an empty text, and UTC without a zone.

    Raises:
        ArgumentError: it is no time.
    """
    if not until:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(until)
    except ValueError:
        raise ArgumentError("until", expected="a time in ISO 8601, or nothing for now", got=repr(until)) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def of_run(
    arguments: dict[str, Any], policy: Policy, *, store_uri: str, model_name: str, time_end: str
) -> dict[str, Any]:
    """What the run is given: its arguments, the model's name and store, and the time up to which it trains.

    Raises:
        ArgumentError: the arguments name another model or store, or that time, or no time is known.
    """
    own = {"store_uri": store_uri, "model_name": model_name}
    for name, value in own.items():
        if arguments.get(name, value) != value:
            raise ArgumentError(
                f"arguments.{name}", expected=f"{value!r}, of the model that is watched", got=repr(arguments[name])
            )
    if policy.time_parameter:
        if policy.time_parameter in arguments:
            raise ArgumentError(
                f"arguments.{policy.time_parameter}",
                expected="nothing, since the run trains up to the end of the newest window",
                got=repr(arguments[policy.time_parameter]),
                fix="Leave it out, or set policy.time_parameter to another name or to ''.",
            )
        if not time_end:
            raise ArgumentError(
                "time_end",
                expected="the end of the newest window, since the window has no time column",
                got="nothing",
                fix="Give it, or set policy.time_parameter to ''.",
            )
        own[policy.time_parameter] = time_end
    return {**_exact(arguments), **own}


def _exact(value: Any) -> Any:
    """`value` with whole numbers for those that a local run made floats of."""
    if isinstance(value, dict):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_exact(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
