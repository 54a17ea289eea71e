"""What Envoy and a model server counted, read from their texts."""

from foldline.serving.reading import Histogram
from foldline.serving.site import counters

ENVOY = """\
# TYPE envoy_cluster_upstream_rq_completed counter
envoy_cluster_upstream_rq_completed{envoy_cluster_name="new-2"} 12
envoy_cluster_upstream_rq_completed{envoy_cluster_name="new-2-mirror"} 5
envoy_cluster_upstream_rq_completed{envoy_cluster_name="old-1"} 90
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="new-2"} 9
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="new-2"} 3
# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{envoy_cluster_name="old-1"} 4
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="new-2",le="1"} 2
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="new-2",le="10"} 8
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="new-2",le="+Inf"} 9
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="new-2"} 60.1
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="new-2"} 9
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="new-2-mirror",le="1"} 1
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="new-2-mirror",le="10"} 1
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="new-2-mirror",le="+Inf"} 5
# TYPE envoy_http_no_cluster counter
envoy_http_no_cluster{envoy_http_conn_manager_prefix="site"} 2
"""
SERVER = """\
# TYPE foldline_invalid_outputs_total counter
foldline_invalid_outputs_total{reason="not_finite"} 2
foldline_invalid_outputs_total{reason="wrong_shape"} 1
# TYPE foldline_predictions histogram
foldline_predictions_bucket{le="0.5"} 3
foldline_predictions_bucket{le="1.0"} 4
foldline_predictions_bucket{le="+Inf"} 4
foldline_predictions_sum 2.0
foldline_predictions_count 4
"""
ROUTER = counters.parse(ENVOY)


def test_an_arm_is_its_requests_and_its_copies() -> None:
    found = counters.arm_reading(ROUTER, counters.parse(SERVER), ("new-2", "new-2-mirror"), "e")
    assert found is not None
    assert (found.epoch, found.requests, found.errors, found.invalid) == ("e", 17, 3, 3)
    assert found.latency_ms == Histogram((1.0, 10.0), (3, 6, 5))
    assert found.predictions == Histogram((0.5, 1.0), (3, 1, 0))


def test_a_counter_of_errors_that_is_not_there_yet_is_zero_and_what_nobody_measures_is_missing() -> None:
    found = counters.arm_reading(ROUTER, [], ("old-1", "old-1-mirror"), "e")
    assert found is not None
    assert (found.requests, found.errors) == (90, 0)
    assert (found.invalid, found.predictions, found.latency_ms) == (None, None, None)


def test_an_arm_that_envoy_does_not_know_has_no_reading() -> None:
    assert counters.arm_reading(ROUTER, [], ("gone-3", "gone-3-mirror"), "e") is None


def test_requests_under_way_and_unserved_ones() -> None:
    assert [counters.active(ROUTER, name) for name in ("old-1", "new-2")] == [4, 0]
    assert counters.total(ROUTER, counters.UNSERVED) == 2
    assert counters.total([], counters.UNSERVED) is None
