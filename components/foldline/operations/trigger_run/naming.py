"""Names of the runs that are started: a run tells by its name what started it. Pure."""

from foldline.operations.trigger_run.reasons import Reason

KEY_DIGITS = 12


def run_name(pipeline: str, reason: Reason) -> str:
    """`<pipeline>-<kind of reason>-<beginning of its key>`."""
    return f"{pipeline}-{reason.kind}-{reason.key[:KEY_DIGITS]}"


def description(reasons: tuple[Reason, ...], model_name: str, version: str) -> str:
    """What the UI shows of a run: the reasons that it answers, and the model that they are about."""
    said = " ".join(reason.sentence for reason in reasons)
    keys = ", ".join(reason.key for reason in reasons)
    return f"trigger_run, for model {model_name} {version}: {said} Key: {keys}."
