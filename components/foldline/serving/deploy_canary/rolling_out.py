"""One rollout of a challenger at a place: begun, taken up where a killed task left it, or found to be over."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from foldline.serving.deploy_canary import alias
from foldline.serving.deploy_canary.backends.backend import Server, Split
from foldline.serving.deploy_canary.conduct import Conductor
from foldline.serving.deploy_canary.feedback.reporting import with_effect
from foldline.serving.deploy_canary.feedback.source import Feedback
from foldline.serving.deploy_canary.keeping.keeper import Keeper
from foldline.serving.deploy_canary.mirrored.pairs import Said
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout.machine import AB
from foldline.serving.deploy_canary.rollout.record import (
    BEFORE_PROMOTION,
    PROMOTED,
    PROMOTING,
    REVERTED,
    REVERTING,
    SETTLING,
    Record,
    rollout_id,
)
from foldline.store import CHAMPION, Store


@dataclass(frozen=True)
class Place:
    """Where the model is served.

    Attributes:
        keeper: remembers the rollouts of the model.
        serving: a block in which a challenger's version can be served beside the champion's (empty: none yet).
    """

    keeper: Keeper
    serving: Callable[[str, str], AbstractContextManager[Split]]


def roll_out(
    place: Place,
    store: Store,
    model_name: str,
    *,
    challenger: str,
    champion: str,
    policy: Policy,
    wait_s: float,
    examine: Callable[[Server, str], list[str]],
    say: Callable[[str], None],
    note: Callable[[Record], None],
    agree: Callable[[Said, Said], bool] | None = None,
    feedback: Feedback | None = None,
    clock: Callable[[], float] = time.time,
) -> Record:
    """Roll the challenger out, unless that was done before; the record.

    Args:
        challenger, champion: versions; the champion's is the one that the challenger was compared with, or empty.
        wait_s: seconds to wait for a task that acts on the same model.
        agree: whether the answers of both arms to a copied request are alike; None compares none.
        feedback: what became of requests; None where the policy does not say where that is told.
        note: takes the record whenever it changed, so that what broke off can be told as it stands.

    Raises:
        ServingError, ClusterError, StoreError: what broke; the champion stays unless the message says otherwise.
    """
    with place.keeper.hold(wait_s):
        earlier = place.keeper.load()
        identity = rollout_id(challenger, champion, policy.to_json())
        ours = earlier is not None and earlier.id == identity
        if earlier is not None and ours and earlier.ended and earlier.final:
            say(f"this rollout is over: {earlier.phase}")
            if policy.mode == AB:
                # What became of its requests may be known only now.
                earlier, words = with_effect(earlier, feedback, clock())
                place.keeper.save(earlier)
                say(words)
            return _as_it_is_now(earlier, store.alias(model_name, CHAMPION))
        if earlier is not None and not earlier.ended and not ours:
            _finish(place, store, earlier, say)
        current = store.alias(model_name, CHAMPION) or ""
        unfinished = earlier is not None and ours and not earlier.ended
        now = clock()
        begun = Record(identity, model_name, challenger, champion, policy.to_json(), started_at=now, entered_at=now)
        if current == challenger and not unfinished:
            say("the challenger is the champion already")
            return replace(begun, phase=PROMOTED)
        if current not in ((champion, challenger) if unfinished else (champion,)):
            raise store.conflict(model_name, CHAMPION, champion or "nothing", current or "nothing")
        if earlier is not None and unfinished:
            say(f"taken up where an earlier task left it: {earlier.phase}, {earlier.percent:g} % to the challenger")
            # The time in which nobody looked counts neither against its deadline nor for its step or bake.
            unseen = max(now - max(earlier.entered_at, earlier.seen_at), 0.0)
            record = replace(earlier, started_at=earlier.started_at + unseen, entered_at=earlier.entered_at + unseen)
        else:
            record = begun
        with place.serving(challenger, champion) as split:
            conductor = Conductor(
                keeper=place.keeper,
                split=split,
                policy=policy,
                alias=alias.of_record(store, record),
                examine=examine,
                say=say,
                note=note,
                agree=agree,
                feedback=feedback,
                clock=clock,
            )
            try:
                return conductor.run(record)
            except SystemExit:
                conductor.interrupt()
                raise


def _finish(place: Place, store: Store, earlier: Record, say: Callable[[str], None]) -> None:
    """End the rollout of another challenger, which a killed task left: forward where it is the champion, else back."""
    say(f"an earlier task left the rollout of {earlier.challenger} in phase {earlier.phase}; it is ended first")
    moved = store.alias(earlier.model_name, CHAMPION) == earlier.challenger
    forward = moved and earlier.phase not in (*BEFORE_PROMOTION, REVERTING)
    with place.serving(earlier.challenger, earlier.champion) as split:
        if forward and earlier.phase == PROMOTING:
            split.promote()
        Conductor(
            keeper=place.keeper,
            split=split,
            policy=Policy.parse(earlier.policy),
            alias=alias.of_record(store, earlier),
            examine=lambda *_: [],
            say=say,
            note=lambda _: None,
        ).run(replace(earlier, phase=SETTLING if forward else REVERTING))


def _as_it_is_now(over: Record, champion: str | None) -> Record:
    """A rollout that is over; one that promoted, and that somebody took back since, keeps the champion."""
    if over.phase != PROMOTED or champion == over.challenger:
        return over
    why = f"Version {over.challenger} was promoted, and somebody went back to {champion} since."
    return replace(over, phase=REVERTED, verdict="keep", reasons=(why, "Another policy begins a new rollout."))
