"""Carries a rollout out: looks, lets the judge judge, makes the machine's move, and remembers each before it is made.

A move is remembered before it is made and can be made twice, so that the task may be killed between any two lines here:
the next task reads the record and makes the same move again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from foldline.errors import ClusterError, FoldlineError, ServingError, StoreError
from foldline.serving.deploy_canary.backends.backend import NotReadyError, Server, Split
from foldline.serving.deploy_canary.judge.bake import Bake
from foldline.serving.deploy_canary.judge.judge import Judge
from foldline.serving.deploy_canary.keeping.keeper import Keeper
from foldline.serving.deploy_canary.mirrored.comparing import Comparing
from foldline.serving.deploy_canary.mirrored.pairs import Said
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout import machine, series
from foldline.serving.deploy_canary.rollout import record as form
from foldline.serving.deploy_canary.rollout.machine import Ask, Leave, Promote, Revert, Shift, Stay
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.reading import Reading

FAULTS = (ServingError, ClusterError, StoreError)


@dataclass(frozen=True)
class Alias:
    """The store's champion: `move` names the challenger, `restore` names again what it named before."""

    move: Callable[[], None]
    restore: Callable[[], None]
    has_moved: Callable[[], bool]


class Conductor:
    """One rollout, from where its record stands to its end.

    Args:
        keeper: held by this process.
        examine: asks a server for known answers; what is wrong, empty where nothing; raises NotReadyError.
        say: takes a line for the task's log.
        note: takes the record at its beginning and whenever it was remembered.
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
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._comparing = Comparing(split.servers, agree) if agree and policy.mirror_percent else None
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
        before = self._read()
        asked = ""
        while True:
            self._sleep(self._policy.look_s)
            after = self._read()
            judged = judge.look(before, after)
            self._remember(before, after, judge.to_json(), judged.to_json())
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
                    return True
                case Leave(why):
                    self._save(self._record.noting(self._clock(), why))
                    self._say(why)
                    return False

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
        judge = Bake(self._policy, self._record.judged, self._record.judge, self._record.bake)
        before = self._split.read()
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
                    self._enter(form.SETTLING, why)
                    return True
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

    def _read(self) -> Reading:
        reading = self._split.read()
        return self._comparing.extended(reading) if self._comparing else reading

    def _step(self, index: int, percent: float) -> None:
        what = f"step {index + 1} of {len(self._policy.steps)}: {percent:g} % to the challenger"
        if not percent:
            what = f"copies of {self._policy.mirror_percent:g} % of the requests to the challenger, and no others"
        self._enter(form.SHIFTING, what, step=index, percent=percent)

    def _back(self, move: Revert) -> None:
        self._enter(
            form.REVERTING,
            f"back to the champion: {move.reasons[0]}",
            reasons=move.reasons,
            final=move.final,
            verdict=move.verdict,
        )

    def _enter(self, phase: str, what: str, **changed: Any) -> None:
        self._save(self._record.entering(phase, self._clock(), what, **changed))
        self._say(what)

    def _save(self, record: Record) -> None:
        self._keeper.save(record)
        self._record = record
        self._note(record)

    def _remember(self, before: Reading, after: Reading, state: dict[str, Any], judged: dict[str, Any]) -> None:
        look = series.entry(after.at, self._record.percent, judged)
        asked = _requests(after) - _requests(before)
        self._save(
            replace(
                self._record,
                seen_at=self._clock(),
                judge=state,
                judged=judged,
                series=series.extended(self._record.series, look),
                step_requests=self._record.step_requests + max(asked, 0),
            )
        )

    def _line(self, judged: Any, why: str) -> None:
        self._say(f"{series.line(self._record.percent, judged.to_json())}; {why}")


def _requests(reading: Reading) -> int:
    return reading.challenger.requests if reading.challenger else 0
