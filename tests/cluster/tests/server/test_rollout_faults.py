"""Faults of an arm on a cluster, each in a rollout of its own with users: who serves in the end."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import pytest

from builders.knative_lab import KnativeLab
from builders.rollouts import FIRST_LOOK, ended
from builders.route_lab import PROMETHEUS, Lab, Users
from builders.route_rollouts import RouteRollouts
from builders.serving_site import Kubectl, Site
from foldline.serving.deploy_canary.in_cluster import knative_place, route_place

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1200)]

PER_S = 25.0
READY_S = 300.0
POLICY = {"steps": [{"percent": 50, "min_s": 0, "min_requests": 20}], "look_s": 5}
ERRORS = {"signal": "errors", "tolerance": 0.1}
# Not to be reached before the task is asked to end.
STRICT = {"signal": "errors", "tolerance": 0.0001}
REFUSED = {"signal": "refused", "tolerance": 0.1}
# Two arms that fail alike are told from one that fails more often within some looks.
WIDE = {"margin": 4}
INVALID = {"signal": "invalid", "tolerance": 0.1}
SLOW = {"signal": "latency", "slower_than_ms": 1000, "tolerance": 0.02}
DRIFT = {"signal": "drift", "required": True}


class Case(NamedTuple):
    """Faults of both servers, the gates, where it ends, and what is said of it."""

    champion: dict[str, Any]
    challenger: dict[str, Any]
    gates: list[dict[str, Any]]
    phase: str
    said: str
    per_s: float = PER_S
    deadline_s: float = 800.0
    # The line at which the task is asked to end; the next run may go on.
    ends_at: str = ""


CASES = {
    "errors": Case({}, {"err": 0.5}, [ERRORS], "reverted", "errors: the challenger is worse"),
    "tail": Case(
        {}, {"delay_ms": 1500, "slow": 0.2}, [SLOW], "reverted", "latency over 1000 ms: the challenger is worse"
    ),
    "null": Case({}, {"outputs": "null"}, [INVALID], "reverted", "invalid: the challenger is worse"),
    "constant": Case({}, {"outputs": "constant"}, [DRIFT], "reverted", "drift: the challenger differs"),
    "flipped": Case({}, {"outputs": "flipped"}, [DRIFT], "reverted", "drift: the challenger differs"),
    "columns": Case({}, {"refuse": 1.0}, [REFUSED], "reverted", "refused: the challenger is worse"),
    "champion": Case({"err": 0.3}, {}, [ERRORS], "promoted", "errors: "),
    "both": Case({"err": 0.2}, {"err": 0.2}, [ERRORS | WIDE], "promoted", "errors: not worse"),
    "clients": Case({"refuse": 0.3}, {"refuse": 0.3}, [ERRORS, REFUSED | WIDE], "promoted", "refused: not worse"),
    "ended": Case({}, {}, [STRICT], "reverted", "The task was ended", ends_at=FIRST_LOOK),
    "late": Case({}, {}, [ERRORS], "reverted", "The task was ended", ends_at="all gates are satisfied"),
    "silence": Case({}, {}, [ERRORS], "reverted", "deadline of 30 s", 0.0, 30.0),
}


@pytest.fixture(params=["route", "knative"])
def lab(request: pytest.FixtureRequest, site: Site, kubectl: Kubectl) -> Iterator[Lab]:
    made = {"route": Lab, "knative": KnativeLab}[request.param](site, kubectl)
    made.stand_ins()
    yield made
    made.close()


def rollouts(lab: Lab) -> RouteRollouts:
    return RouteRollouts(lab, knative_place if isinstance(lab, KnativeLab) else route_place)


def users(lab: Lab, model: str, per_s: float) -> Any:
    if not per_s:
        return nullcontext()
    if isinstance(lab, KnativeLab):
        return lab.users(rate=per_s, model=model)
    return Users(lab.router(model=model), rate=per_s, model=model)


def end() -> None:
    raise SystemExit(143)


def judged(lab: Lab, model: str) -> str:
    """Roll the case's challenger out beside its champion; the version that serves in the end."""
    case, place = CASES[model], rollouts(lab)
    given: dict[str, Any] = {"ready_s": READY_S, "route": {"prometheus": PROMETHEUS}}
    given["route"] |= {"gateway": ""} if isinstance(lab, KnativeLab) else {}
    versions = [place.version(model, **faults) for faults in (case.champion, case.challenger)]
    assert place.roll_out(versions[0], model, **given).phase == "promoted"
    policy = {**POLICY, "deadline_s": case.deadline_s, "gates": case.gates}
    if case.ends_at:
        place.at(case.ends_at, end)
    with users(lab, model, case.per_s) as asking, pytest.raises(SystemExit) if case.ends_at else nullcontext():
        place.roll_out(versions[1], model, **given, **policy)
    ended(place.remembered(model), case.phase, case.said, final=not case.ends_at)
    if asking is not None:
        arms = zip(versions, (case.champion, case.challenger), strict=True)
        faulty = {version for version, faults in arms if "err" in faults}
        assert {one.served_by.removeprefix(f"{model}-") for one in asking.failed()} <= faulty
    return versions[case.phase == "promoted"]


def test_an_arm_with_a_fault_is_judged_by_what_its_users_got(lab: Lab) -> None:
    faults: dict[str, BaseException] = {}
    champions: dict[str, str] = {}

    def try_case(model: str) -> None:
        try:
            champions[model] = judged(lab, model)
        except BaseException as fault:
            faults[model] = fault

    threads = [threading.Thread(target=try_case, args=[model]) for model in CASES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == {}
    place = rollouts(lab)
    assert {model: place.champion(model) for model in CASES} == champions
    by_route = not isinstance(lab, KnativeLab)
    named = {f"{model}-{version}" if by_route else model: version for model, version in champions.items()}
    assert lab.site.services() == named
