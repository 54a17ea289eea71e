"""The effect that an A/B comparison reports, as far as it is known."""

from dataclasses import replace

from foldline.serving.deploy_canary.feedback.source import Feedback
from foldline.serving.deploy_canary.rollout.record import Record


def with_effect(record: Record, feedback: Feedback | None, now: float) -> tuple[Record, str]:
    """The record with the effect in it and behind its first reason, and the effect in words.

    Args:
        now: seconds since 1970; where the split goes on, the effect is that until now.
    """
    if feedback is None:
        effect, words = {}, "No effect is reported: the policy states no feedback."
    else:
        found = feedback.effect(record.split_at, record.split_until or now)
        effect, words = {"of": feedback.settings.value, **found.to_json()}, found.words(feedback.settings.value)
    reasons = (record.reasons[0], words) if record.reasons else ()
    return replace(record, effect=effect, reasons=reasons), words
