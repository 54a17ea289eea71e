"""Rollouts behind a route under 200 requests a second, with faults in the middle: who serves in the end."""

import json
import os
import threading
from collections.abc import Callable

import pytest

from builders.rollouts import FIRST_LOOK, ended
from builders.route_lab import Lab, Users
from builders.route_rollouts import RouteRollouts
from builders.serving_site import Json
from foldline.errors import ClusterError, ServingError
from foldline.object_store import client_from_environment

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1500)]

STEPS = {"steps": [{"percent": 20, "min_s": 0, "min_requests": 50}], "look_s": 5, "deadline_s": 300}
ERRORS = {"signal": "errors", "tolerance": 0.03}
# Not to be reached while something happens in the middle.
STRICT = {"signal": "errors", "tolerance": 0.0001}
REFUSED = {"signal": "refused", "tolerance": 0.03}


def limited(container: Json) -> None:
    container["resources"]["limits"] = {"memory": "96Mi"}


STARTS: dict[str, tuple[dict[str, float], float, str]] = {
    "torn": ({"exit": 1}, 120.0, r"container kserve-container .* ended with exit code 1 .*torn"),
    "hungry": ({"eat_mb": 300}, 120.0, r"ended with exit code 137 \(OOMKilled\)"),
    "absent": ({}, 120.0, r"container storage-initializer .* ended with exit code 1 .*3 times"),
    # The way back has as long.
    "slow": ({"load_s": 3600}, 60.0, "ready to serve .* within 60 s, got "),
}


def test_a_server_that_does_not_start_leaves_nothing_and_may_be_tried_again(lab: Lab) -> None:
    lab.site.runtime(limited)
    place = RouteRollouts(lab)
    versions = {model: place.version(model, **faults) for model, (faults, _, _) in STARTS.items()}
    bucket, _, folder = place.store.location("absent", versions["absent"]).removeprefix("s3://").partition("/")
    client = client_from_environment(f"s3://{bucket}", os.environ)
    for entry in client.list_objects(bucket, prefix=f"{folder}/", recursive=True):
        client.remove_object(bucket, str(entry.object_name))
    faults: dict[str, BaseException] = {}

    def roll_out(model: str) -> None:
        try:
            record = place.roll_out(versions[model], model, ready_s=STARTS[model][1])
            ended(record, "reverted", STARTS[model][2], final=False)
        except BaseException as fault:
            faults[model] = fault

    threads = [threading.Thread(target=roll_out, args=[model]) for model in STARTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == {}
    assert (lab.site.services(), lab.kubectl("get", "httproutes", "--output=name")) == ({}, "")
    assert [place.champion(model) for model in STARTS] == [""] * len(STARTS)


def edited(lab: Lab) -> None:
    weight = "/spec/rules/0/backendRefs/{}/weight"
    lab.patch_route(*({"op": "replace", "path": weight.format(arm), "value": 5000} for arm in (0, 1)))


def test_what_happens_in_the_middle_of_a_rollout_leaves_one_champion(lab: Lab) -> None:
    place = RouteRollouts(lab)
    champion = place.version()
    assert place.roll_out(champion).phase == "promoted"

    def deleted(version: str) -> Callable[[], object]:
        return lambda: lab.kubectl("delete", "inferenceservice", f"late-{version}", "--wait=false")

    def stolen() -> None:
        change = {"spec": {"holderIdentity": "thief"}}
        lab.kubectl("patch", "lease", "foldline-rollout-late", "--type=merge", f"--patch={json.dumps(change)}")

    with Users(lab.router(), rate=200, threads=16) as users:
        # A challenger that refuses what the champion's users send.
        record = place.roll_out(place.version(refuse=1.0), **STEPS, gates=[ERRORS, REFUSED])
        ended(record, "reverted", r"refused: the challenger is worse: \d+ of \d+ \(4xx\)", final=True)
        place.serves(champion)

        place.at(FIRST_LOOK, lambda: edited(lab))
        record = place.roll_out(place.version(), **STEPS, gates=[STRICT])
        ended(record, "reverted", "Somebody changed the challenger's share from 20 to 50 %", final=False)
        place.serves(champion)
        assert users.failed() == []

        for gone in ("challenger", "champion"):
            version = place.version()
            place.at(FIRST_LOOK, deleted(version if gone == "challenger" else champion))
            with pytest.raises(ServingError, match="to be there while it has requests, got deleted meanwhile"):
                place.roll_out(version, **STEPS, gates=[STRICT])
            record = place.remembered()
            ended(record, "reverted", "deleted meanwhile", final=False)
            assert record.verdict == "keep"
            place.serves(champion)

        # Whoever lost the Lease leaves all as it is, and the next run goes on.
        failed = len(users.failed())
        version = place.version()
        place.at(FIRST_LOOK, stolen)
        with pytest.raises(ClusterError, match=r"lease/foldline-rollout-late .* got taken by thief"):
            place.roll_out(version, **STEPS, gates=[ERRORS])
        assert place.remembered().phase == "shifting"
        assert lab.weights() == {f"late-{champion}-predictor": 8000, f"late-{version}-predictor": 2000}
        change = {"spec": {"holderIdentity": None}}
        lab.kubectl("patch", "lease", "foldline-rollout-late", "--type=merge", f"--patch={json.dumps(change)}")
        ended(place.roll_out(version, **STEPS, gates=[ERRORS]), "promoted", "errors: ", final=True)
        place.serves(version)
        assert users.failed()[failed:] == []
    print(f"{len(users.answers)} requests, {len(users.failed())} failed while an InferenceService was gone")


def test_an_outage_of_the_champion_between_two_looks_is_not_held_against_the_challenger(lab: Lab) -> None:
    place = RouteRollouts(lab)
    champion = place.version()
    assert place.roll_out(champion).phase == "promoted"
    version = place.version()
    pods = f"--selector=serving.kserve.io/inferenceservice=late-{champion}"
    outages = 0

    def out() -> None:
        nonlocal outages
        outages += 1
        lab.kubectl("delete", "pods", pods, "--force", "--grace-period=0")
        if outages < 3:
            place.at(FIRST_LOOK, out)

    place.at(FIRST_LOOK, out)
    with Users(lab.router(), rate=200, threads=16) as users:
        record = place.roll_out(version, **STEPS | {"look_s": 10}, gates=[ERRORS])
    ended(record, "promoted", "errors: ", final=True)
    place.serves(version)
    print(f"{len(users.failed())} of {len(users.answers)} requests failed in {outages} outages")
    assert len(users.failed()) > 20
    assert {one.served_by for one in users.failed()} <= {"", f"late-{champion}"}
    (errors,) = record.judged["gates"]
    assert (outages, errors["events"]) == (3, 0)
