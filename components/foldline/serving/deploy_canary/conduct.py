"""Carries a rollout out: looks, lets the judge judge, makes the machine's move, and remembers each before it is made.

A move is remembered before it is made and can be made twice, so that the task may be killed between any two lines here:
the next task reads the record and makes the same move again.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from foldline.errors import ClusterError, FoldlineError, ServingError, StoreError
from foldline.serving.deploy_canary.alias import Alias
from foldline.serving.deploy_canary.backends.backend import NotReadyError, Server, Split
from foldline.serving.deploy_canary.baking import Baking
from foldline.serving.deploy_canary.feedback.reporting import with_effect
from foldline.serving.deploy_canary.feedback.source import Feedback
from foldline.serving.deploy_canary.judge.judge import Judge
from foldline.serving.deploy_canary.keeping.keeper import Keeper
from foldline.serving.deploy_canary.mirrored.comparing import reads
from foldline.serving.deploy_canary.mirrored.pairs import Said
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout import machine, series
from foldline.serving.deploy_canary.rollout import record as form
from foldline.serving.deploy_canary.rollout.machine import Ask, Leave, Promote, Revert, Shift, Stay
from foldline.serving.deploy_canary.rollout.record import Record

FAULTS = (ServingError, ClusterError, StoreError)


class Conductor:
    """One rollout, from where its record stands to its end.

    Args:
        keeper: held by this process.
        examine: asks a server for known answers; what is wrong, empty where nothing; raises NotReadyError.
        say: takes a line for the task's log.
        note: takes the record at its beginning and whenever it was remembered.
        agree, feedback: as `roll_out` takes them.
    """

    def __init__(
        self,
        *,
        keeper: Keeper,
        split: Split,
        policy: Policy,
        alias: Alias,
        examine: Callable[[Server, str], list[str]],
        say: Callable[[str], None],
        note: Callable[[Record], None],
        agree: Callable[[Said, Said], bool] | None = None,
        feedback: Feedback | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read = reads(split, agree if policy.mirror_percent else None)
        self._feedback = feedback
        self._keeper, self._split, self._policy, self._alias = keeper, split, policy, alias
        self._examine, self._say, self._note, self._clock, self._sleep = examine, say, note, clock, sleep

    def run(self, record: Record) -> Record:
        """Go on until the rollout has ended, or is left as it is; the record as remembered.

        A fault on the way forward takes all traffic back to the champion.

        Raises:
            ServingError, ClusterError, StoreError: what broke; from the way back, it names what is left to do.
        """
        self._record = record
        self._note(record)
        steps = {
            form.EXAMINING: self._examining,
            form.SHIFTING: self._shifting,
            form.PROMOTING: self._promoting,
            form.BAKING: self._baking,
            form.SETTLING: self._settling,
            form.REVERTING: self._reverting,
        }
        broken: FoldlineError | None = None
        self._keeper.save(record)
        while not self._record.ended:
            phase = self._record.phase
            try:
                if not steps[phase]():
                    return self._record
            except FAULTS as fault:
                if phase in (form.REVERTING, form.SETTLING):
                    raise
                broken = fault
                self._back(Revert((str(fault),), final=False, verdict="keep"))
        if broken is not None:
            raise broken
        return self._record

    def interrupt(self) -> None:
        """After SIGTERM: take the traffic back, unless the challenger is the champion by now; the next run goes on."""
        phase = self._record.phase
        if phase in form.BEFORE_PROMOTION or (phase == form.PROMOTING and not self._alias.has_moved()):
            self._back(Revert(("The task was ended.",), final=False, verdict="keep"))
        if self._record.phase == form.REVERTING:
            self._reverting()

    def _examining(self) -> bool:
        server = self._split.start()
        wrong = self._examined(server, "")
        if wrong is not None:
            self._back(wrong)
        elif not self._record.champion:
            self._enter(form.PROMOTING, "no champion yet: all traffic goes to the challenger")
        else:
            self._step(*machine.first_step(self._policy))
        return True

    def _shifting(self) -> bool:
        self._split.start()
        if self._record.percent:
            self._split.shift(self._record.percent)
        if self._policy.mirror_percent:
            self._split.mirror(self._policy.mirror_percent)
        judge = Judge.from_json(self._policy, self._record.judge) if self._record.judge else Judge(self._policy)
        before, asked = self._read(), ""
        while True:
            self._sleep(self._policy.look_s)
            after = self._read()
            judged = judge.look(before, after)
            asked_for = after.asked_of_challenger - before.asked_of_challenger
            self._save(self._record.looked(self._clock(), judge.to_json(), judged.to_json(), asked_for))
            # What a look did not use belongs to the next one, and what it used must not count twice.
            before = after if judged.used or (after.champion and after.challenger) else before
            move = machine.while_shifting(
                self._record,
                self._policy,
                judged,
                percent=self._split.percent(),
                word=self._keeper.word(),
                now=self._clock(),
            )
            match move:
                case Stay(why):
                    self._line(judged, why)
                case Ask(what):
                    if asked != what:
                        self._save(replace(self._record, asked_at=self._record.asked_at or self._clock()))
                        self._say(f"{what} waits for approval: foldline rollout approve")
                        asked = what
                case Shift(step):
                    self._line(judged, "the step has what it needs")
                    self._step(step, self._policy.steps[step].percent)
                    self._split.shift(self._record.percent)
                    before, asked = self._read(), ""
                case Promote(why):
                    self._line(judged, why)
                    self._enter(form.PROMOTING, why)
                    return True
                case Revert():
                    self._line(judged, move.reasons[0])
                    self._back(move)
                    self._report()
                    return True
                case Leave(why):
                    return self._leave(" ".join(filter(None, [why, self._report()])))

    def _promoting(self) -> bool:
        server = self._split.promote()
        wrong = self._examined(server, "served_")
        if wrong is not None:
            self._back(wrong)
            return True
        self._alias.move()
        baking = bool(self._record.champion and self._policy.bake_s)
        self._enter(
            form.BAKING if baking else form.SETTLING,
            f"version {self._record.challenger} is the champion",
            percent=100.0,
        )
        return True

    def _baking(self) -> bool:
        judge, before = Baking(self._policy, self._record, self._feedback), self._split.read()
        while True:
            self._sleep(self._policy.look_s)
            after = self._split.read()
            judged = judge.look(before, after)
            self._save(replace(self._record, bake=judge.to_json(), seen_at=self._clock()))
            before = after if judged.used or after.challenger else before
            move = machine.while_baking(self._record, self._policy, judged, word=self._keeper.word(), now=self._clock())
            match move:
                case Revert():
                    self._back(move)
                    return True
                case Promote(why):
                    self._enter(form.SETTLING, why, reasons=(why,))
                    return True
                case Leave(why):
                    return self._leave(why)
                case _:
                    self._say("; ".join([*judged.reasons, getattr(move, "why", "")]))

    def _settling(self) -> bool:
        self._split.settle()
        self._enter(form.PROMOTED, "the rollout is over", final=True)
        return True

    def _reverting(self) -> bool:
        self._split.revert()
        self._alias.restore()
        self._enter(form.REVERTED, "all traffic is the champion's, the challenger is gone", percent=0.0)
        return True

    def _examined(self, server: Server, prefix: str) -> Revert | None:
        try:
            problems = self._examine(server, prefix)
        except NotReadyError as fault:
            # What kept it from starting (a node, an image, a bucket) may be well by the next run.
            return Revert((str(fault),), final=False)
        return Revert(tuple(problems), final=True) if problems else None

    def _step(self, index: int, percent: float) -> None:
        self._enter(form.SHIFTING, machine.step_words(self._policy, index, percent), step=index, percent=percent)

    def _back(self, move: Revert) -> None:
        self._enter(form.REVERTING, f"back to the champion: {move.reasons[0]}", **vars(move))

    def _report(self) -> str:
        """Remember and say the effect that mode ab is for; nothing in any other mode."""
        if self._policy.mode != machine.AB:
            return ""
        record, words = with_effect(self._record, self._feedback, self._clock())
        self._save(record)
        self._say(words)
        return words

    def _leave(self, why: str) -> bool:
        self._save(self._record.noting(self._clock(), why))
        self._say(why)
        return False

    def _enter(self, phase: str, what: str, **changed: Any) -> None:
        self._save(self._record.entering(phase, self._clock(), what, **changed))
        self._say(what)

    def _save(self, record: Record) -> None:
        self._keeper.save(record)
        self._record = record
        self._note(record)

    def _line(self, judged: Any, why: str) -> None:
        self._say(f"{series.line(self._record.percent, judged.to_json())}; {why}")
