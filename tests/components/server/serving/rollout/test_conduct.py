"""What the loop of a rollout hands to the judge."""

from pathlib import Path

from foldline.serving.deploy_canary.conduct import Alias, Conductor
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout.record import REVERTED, SHIFTING, Record
from foldline.serving.reading import ArmReading, Reading

POLICY = Policy.parse(
    {
        "steps": [{"percent": 10, "min_s": 0, "min_requests": 1}],
        "gates": [{"signal": "errors"}],
        "look_s": 1,
        "deadline_s": 5,
    }
)


class Impaired:
    """A split whose challenger has no counters; five requests were served by nobody in the first look, none later."""

    def __init__(self) -> None:
        self.reads = 0
        self.calls: list[str] = []

    def read(self) -> Reading:
        self.reads += 1
        champion = ArmReading("1", 500 * self.reads, 0)
        return Reading(float(self.reads), champion, None, unserved=0 if self.reads == 1 else 5)

    def percent(self) -> float:
        return 10.0

    def __getattr__(self, name: str) -> object:
        return lambda *_: self.calls.append(name)


def test_requests_that_nobody_served_count_once_however_many_looks_follow(tmp_path: Path) -> None:
    split, now = Impaired(), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    keeper = FileKeeper(tmp_path)
    begun = Record("id", "late", "new", "old", POLICY.to_json(), started_at=0.0, entered_at=0.0)
    conductor = Conductor(
        keeper=keeper,
        split=split,  # type: ignore[arg-type]
        policy=POLICY,
        alias=Alias(lambda: None, lambda: None, lambda: False),
        examine=lambda *_: [],
        say=lambda _: None,
        note=lambda _: None,
        clock=lambda: now[0],
        sleep=sleep,
    )
    ended = conductor.run(begun.entering(SHIFTING, 0.0, "step 1", percent=10.0))
    assert (ended.phase, ended.verdict) == (REVERTED, "rollback")
    assert [(gate["events"], gate["trials"]) for gate in ended.judged["gates"]] == [(5, 5)]
    assert split.calls == ["start", "shift", "revert"]
