"""From samples to an arm's counters: what is missing, stale or torn is a problem in words, and never zero."""

import math
import re
from typing import Any

import pytest

from foldline.serving.deploy_canary.metrics import arms
from foldline.serving.deploy_canary.metrics.arms import MissingError
from foldline.serving.deploy_canary.metrics.profiles import ENVOY, IN_MS, KNATIVE, KSERVE_PYTHON, PROFILES, TF_SERVING
from foldline.serving.deploy_canary.metrics.prometheus import Found, Series
from foldline.serving.reading import ArmReading, Histogram

NOW = 10_000.0
NONE = Found([], NOW)


def series(name: str, value: float, *, at: float = NOW - 2.0, **labels: str) -> Series:
    return Series(name, {"job": "envoy", "instance": "proxy-1", **labels}, at, value)


def envoy(arm: str = "b0", codes: dict[str, float] | None = None, buckets: bool = True, **changed: Any) -> list[Series]:
    """An arm as Envoy has it: 90 requests of class 2 and 10 of class 5, half below 5 ms, one above 5000 ms."""
    own = {"envoy_cluster_name": arm, **changed}
    codes = {"2": 90.0, "5": 10.0} if codes is None else codes
    made = [series("envoy_cluster_upstream_rq_total", 105.0, **own)]
    made += [
        series("envoy_cluster_upstream_rq_xx", n, envoy_response_code_class=code, **own) for code, n in codes.items()
    ]
    if buckets:
        for edge, count in (("1", 0.0), ("5", 50.0), ("5000", 98.0), ("+Inf", 99.0)):
            made.append(series("envoy_cluster_upstream_rq_time_bucket", count, le=edge, **own))
    return made


def uptime(seconds: float, instance: str = "proxy-1", at: float = NOW - 2.0) -> Series:
    return series("envoy_server_uptime", seconds, instance=instance, at=at)


def read(samples: list[Series]) -> ArmReading:
    return arms.arm(arms.own(samples, ENVOY, ["b0"]), ENVOY, "late-1")


def test_an_arm_is_read_with_its_errors_and_its_latency_in_milliseconds() -> None:
    reading = read([*envoy(), *envoy("b1", {"2": 7.0})])
    assert (reading.requests, reading.errors, reading.invalid, reading.predictions) == (100, 10, None, None)
    assert reading.latency_ms == Histogram((1.0, 5.0, 5000.0), (0, 50, 48, 1))
    assert reading.epoch == "late-1"


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({"2": 90.0}, (90, 0, 0)),
        ({"5": 3.0}, (3, 3, 0)),
        ({"2": 5.0, "4": 2.0, "5": 1.0}, (8, 1, 2)),
        ({}, (0, 0, 0)),
    ],
    ids=["no error yet", "errors only", "faults of clients are none of the server", "no request yet"],
)
def test_classes_that_never_came_are_zero_where_the_arm_is_there(
    codes: dict[str, float], expected: tuple[int, int, int]
) -> None:
    reading = read(envoy(codes=codes))
    assert (reading.requests, reading.errors, reading.refused) == expected


def test_a_histogram_that_is_not_there_yet_is_none() -> None:
    assert read(envoy(buckets=False)).latency_ms is None


def test_processes_are_added_up() -> None:
    reading = read([*envoy(), *envoy(instance="proxy-2")])
    assert (reading.requests, reading.errors) == (200, 20)
    assert reading.latency_ms == Histogram((1.0, 5.0, 5000.0), (0, 100, 96, 2))


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([], "Prometheus has no series of it"),
        (envoy("b1"), "Prometheus has no series of it"),
        (envoy(codes={"2": math.nan}), "envoy_cluster_upstream_rq_xx is nan"),
        (envoy(codes={"2": -1.0}), "envoy_cluster_upstream_rq_xx is -1.0"),
        (
            [one for one in envoy() if one.labels.get("le") != "+Inf"],
            "the bins of envoy_cluster_upstream_rq_time_bucket do not fit together",
        ),
        (
            [*envoy(), series("envoy_cluster_upstream_rq_time_bucket", 1.0, le="10", envoy_cluster_name="b0")],
            "do not fit together",
        ),
        (
            [*envoy(), *[one for one in envoy(instance="proxy-2") if one.labels.get("le") != "5"]],
            "do not fit together",
        ),
    ],
    ids=["nothing", "another arm's", "not a number", "negative", "no last bin", "not ascending", "bins of one process"],
)
def test_what_cannot_be_told_is_a_problem_in_words(samples: list[Series], said: str) -> None:
    with pytest.raises(MissingError, match=re.escape(said)):
        read(samples)


@pytest.mark.parametrize(("age", "problem"), [(0.0, ""), (80.0, ""), (95.0, "its last sample is 95 s old")])
def test_old_samples_are_no_evidence(age: float, problem: str) -> None:
    found = Found(envoy(at=NOW - age), NOW)
    if not problem:
        assert arms.current(found, NONE) == found.series
        return
    with pytest.raises(MissingError, match=problem):
        arms.current(found, NONE)


def test_series_that_their_process_has_no_more_are_left_out() -> None:
    gone, there = envoy("b1", at=NOW - 12.0), envoy("b0")
    assert arms.current(Found([*there, *gone], NOW), NONE) == there
    # The only arm is gone, and the process still answers.
    with pytest.raises(MissingError, match="no series of it any more"):
        arms.current(Found(gone, NOW), Found([uptime(500.0)], NOW))


def test_a_process_that_two_jobs_scrape_is_counted_once() -> None:
    twice = Found([*envoy(), *envoy(job="again", instance="other")], NOW)
    assert {one.labels["job"] for one in arms.current(twice, NONE)} == {"again"}
    old = Found([*envoy(), *envoy(job="again", at=NOW - 200.0)], NOW)
    assert {one.labels["job"] for one in arms.current(old, NONE)} == {"envoy"}


@pytest.mark.parametrize(
    ("before", "seconds", "expected"),
    [
        ({}, 500.0, NOW - 502.0),
        ({"proxy-1": NOW - 505.0}, 500.0, NOW - 505.0),
        ({"proxy-1": NOW - 505.0}, 3.0, NOW - 5.0),
    ],
    ids=["first", "written a moment later", "started again"],
)
def test_a_process_that_started_again_has_another_start(
    before: dict[str, float], seconds: float, expected: float
) -> None:
    assert arms.started(Found([uptime(seconds)], NOW), ENVOY, before) == {"proxy-1": expected}


def test_a_start_that_is_stated_is_taken() -> None:
    stated = Found([series("process_start_time_seconds", 9000.0)], NOW)
    assert arms.started(stated, KNATIVE, {}) == {"proxy-1": 9000.0}


def test_requests_that_nobody_served_are_those_of_the_arms_routers() -> None:
    def lost(count: float, instance: str, prefix: str) -> Series:
        return series("envoy_http_no_cluster", count, instance=instance, envoy_http_conn_manager_prefix=prefix)

    every = [lost(3.0, "proxy-1", "http-80"), lost(1.0, "proxy-1", "async"), lost(9.0, "proxy-2", "http-80")]
    processes = Found(every, NOW)
    assert arms.unserved(envoy(), processes, ENVOY) == 4
    assert arms.unserved(envoy(), NONE, ENVOY) is None


# Values in seconds that are read as milliseconds, and so on.
WRONG = {"ms": (1e-3,), "s": (1e3, 1e6), "us": (1e-6,)}


@pytest.mark.parametrize("name", PROFILES)
def test_a_histogram_that_was_read_in_another_unit_is_refused(name: str) -> None:
    """Edges as each program has them; in any other unit they would be wrong by a thousand."""
    profile = PROFILES[name]
    last = {"ms": 3.6e6 if profile is ENVOY else 1e5, "s": 10.0, "us": 2.6e9}[profile.unit]
    own = {profile.arm: "b0"}

    def bins(factor: float) -> list[Series]:
        edges = (last * factor / 10, last * factor, math.inf)
        return [series(f"{profile.latency}_bucket", 1.0, le=str(edge), **own) for edge in edges]

    histogram = arms.latency(bins(1.0), profile)
    assert histogram is not None
    assert histogram.edges[-1] == pytest.approx(last * IN_MS[profile.unit])
    for factor in WRONG[profile.unit]:
        with pytest.raises(MissingError, match=f"read in {profile.unit}: that is not its unit"):
            arms.latency(bins(factor * (0.1 if profile is ENVOY else 1.0)), profile)


def test_a_server_that_counts_no_errors_has_those_that_it_did_not_answer() -> None:
    counted = [
        series("request_preprocess_seconds_count", 100.0, model_name="b0"),
        series("request_postprocess_seconds_count", 97.0, model_name="b0"),
    ]
    reading = arms.arm(counted, KSERVE_PYTHON, "late-1")
    assert (reading.requests, reading.errors, reading.refused) == (100, 3, None)


def test_statuses_in_words_are_errors_but_ok() -> None:
    counted = [
        series(":tensorflow:serving:request_count", count, model_name="b0", status=status)
        for status, count in (("OK", 90.0), ("NOT_OK", 4.0), ("INVALID_ARGUMENT", 6.0))
    ]
    assert arms.arm(counted, TF_SERVING, "late-1").errors == 10


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_a_unit_in_the_name_of_a_histogram_is_its_unit(profile: Any) -> None:
    for word, unit in (("_milliseconds", "ms"), ("_seconds", "s")):
        if profile.latency.endswith(word):
            assert profile.unit == unit
            return
