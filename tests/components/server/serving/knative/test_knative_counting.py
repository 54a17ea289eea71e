"""Counters of revisions, by what each version of Knative calls them."""

import pytest

from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.knative.counting import NOTHING, RevisionCounters
from foldline.serving.deploy_canary.metrics.counters import Arm
from foldline.serving.deploy_canary.metrics.prometheus import Found, Series

AT = 1000.0
STARTED = [("process_start_time_seconds", {"instance": one}, 100.0) for one in ("a", "b")]
# As both programs write them, shortened; the newer one names the revision in one series of each process.
NEWER = [
    *STARTED,
    ("target_info", {"instance": "a", "kn_revision_name": "r1"}, 1.0),
    ("target_info", {"instance": "b", "kn_revision_name": "r2"}, 1.0),
    ("target_info", {"instance": "c", "kn_revision_name": "r3"}, 1.0),
    *(
        (f"kn_serving_invocation_duration_seconds_{part}", {"instance": of, "http_response_status_code": code, **le}, n)
        for of, code, n in (("a", "200", 90.0), ("a", "500", 10.0), ("c", "200", 5.0))
        for part, le in (("count", {}), ("bucket", {"le": "10"}), ("bucket", {"le": "+Inf"}))
    ),
]
OLDER = [
    *STARTED,
    *(
        (name, {"instance": "a", "revision_name": "r1", "response_code": code, **le}, n)
        for code, n in (("200", 90.0), ("500", 10.0))
        for name, le in (
            ("revision_app_request_count", {}),
            ("revision_app_request_latencies_bucket", {"le": "100000"}),
            ("revision_app_request_latencies_bucket", {"le": "+Inf"}),
        )
    ),
]


class Recorded:
    """A Prometheus that has these series; `factor` times what they were at first."""

    def __init__(self, series: list[tuple[str, dict[str, str], float]]) -> None:
        self._series, self.factor, self.asked = series, 1.0, []
        self.fault: ServingError | None = None

    def newest(self, selector: str) -> Found:
        if self.fault is not None:
            raise self.fault
        self.asked.append(selector)
        names = selector.partition("}")[0]
        constant = ("process_start_time_seconds", "target_info")
        return Found(
            [
                Series(name, labels, AT, value if name in constant else value * self.factor)
                for name, labels, value in self._series
                if name in names
            ],
            AT,
        )


def arms() -> tuple[Arm, Arm]:
    return Arm(["r1"], "r1"), Arm(["r2"], "r2")


@pytest.mark.parametrize("series", [NEWER, OLDER], ids=["since 1.19", "before 1.19"])
def test_the_names_of_this_knative_are_found_out(series: list[tuple[str, dict[str, str], float]]) -> None:
    prometheus = Recorded(series)
    counters = RevisionCounters(prometheus)
    counters.read(*arms())
    prometheus.factor = 2.0
    champion = counters.read(*arms()).champion
    assert champion is not None
    assert (champion.requests, champion.errors) == (100, 10)
    assert champion.latency_ms is not None
    assert champion.latency_ms.total == 100


def test_a_revision_that_nobody_asked_yet_has_zero_requests_where_its_process_is_scraped() -> None:
    counters = RevisionCounters(Recorded(NEWER))
    challenger = counters.read(*arms()).challenger
    assert challenger is not None
    assert (challenger.requests, challenger.errors, challenger.latency_ms) == (0, 0, None)


def test_only_the_processes_of_the_arms_are_asked_about() -> None:
    prometheus = Recorded(NEWER)
    RevisionCounters(prometheus).read(*arms())
    assert prometheus.asked[-1].endswith(',instance=~"a|b"}')


def test_without_any_counters_it_is_told_what_to_do() -> None:
    reading = RevisionCounters(Recorded(STARTED)).read(*arms())
    assert (reading.champion, reading.challenger, reading.problem) == (None, None, NOTHING)
    assert RevisionCounters(Recorded(NEWER)).read(None, None).problem == "the route has no arm"


def test_a_prometheus_that_fails_is_no_evidence() -> None:
    prometheus = Recorded(NEWER)
    prometheus.fault = ServingError("Prometheus at x", expected="an answer", got="none")
    reading = RevisionCounters(prometheus).read(*arms())
    assert (reading.champion, reading.problem) == (None, str(prometheus.fault))
