"""Which series of Prometheus count the requests of an arm, by what serves or routes them. Data only.

Names and units were read in each program's own code or output. Those of Envoy, of Knative since 1.19 and of KServe's
Python model server are tested against the real programs, the others against recorded text. The backends use those of
Envoy and Knative.
"""

from dataclasses import dataclass

MILLISECONDS, SECONDS, MICROSECONDS = "ms", "s", "us"
IN_MS = {MILLISECONDS: 1.0, SECONDS: 1000.0, MICROSECONDS: 0.001}


@dataclass(frozen=True)
class Profile:
    """Series of one serving stack.

    Attributes:
        product: in words.
        arm: label whose value names the arm.
        named_by: series that has this label for all of its process; empty where each series has it.
        requests: counter of answered requests.
        code: its label that tells how they were answered; empty where none does.
        errors: pattern of the values of `code` that are the server's faults; matched completely.
        refused: pattern of those that the server takes for the client's; empty where none tells.
        answered: where `code` is empty, counter of the requests that were answered well; errors are the rest.
        latency: histogram, without `_bucket`.
        unit: of the histogram's values.
        present: series that an arm has before its first request; empty where it has none.
        started: gauge that tells when a process started; empty where none does.
        is_uptime: whether `started` is seconds since the start, and not its time.
        unserved: counter of requests that the router could hand to no arm; empty where none counts them.
        also: further labels and their values.
    """

    product: str
    arm: str
    requests: str
    code: str
    errors: str
    latency: str
    unit: str
    refused: str = ""
    named_by: str = ""
    answered: str = ""
    present: str = ""
    started: str = "process_start_time_seconds"
    is_uptime: bool = False
    unserved: str = ""
    also: tuple[tuple[str, str], ...] = ()


ENVOY = Profile(
    product="Envoy",
    arm="envoy_cluster_name",
    requests="envoy_cluster_upstream_rq_xx",
    code="envoy_response_code_class",
    errors="5",
    refused="4",
    latency="envoy_cluster_upstream_rq_time",
    unit=MILLISECONDS,
    present="envoy_cluster_upstream_rq_total",
    started="envoy_server_uptime",
    is_uptime=True,
    unserved="envoy_http_no_cluster",
)
KNATIVE_BEFORE_1_19 = Profile(
    product="Knative before 1.19",
    arm="revision_name",
    requests="revision_app_request_count",
    code="response_code",
    errors="5..",
    refused="4..",
    latency="revision_app_request_latencies",
    unit=MILLISECONDS,
)
KNATIVE = Profile(
    product="Knative since 1.19",
    arm="kn_revision_name",
    requests="kn_serving_invocation_duration_seconds_count",
    code="http_response_status_code",
    errors="5..",
    refused="4..",
    latency="kn_serving_invocation_duration_seconds",
    unit=SECONDS,
    named_by="target_info",
    present="target_info",
)
# It counts no errors: what was begun and not answered failed, or is under way.
KSERVE_PYTHON = Profile(
    product="KServe's Python model server",
    arm="model_name",
    requests="request_preprocess_seconds_count",
    code="",
    errors="",
    answered="request_postprocess_seconds_count",
    latency="request_predict_seconds",
    unit=SECONDS,
)
TF_SERVING = Profile(
    product="TensorFlow Serving",
    arm="model_name",
    requests=":tensorflow:serving:request_count",
    code="status",
    errors="(?!OK$).*",
    latency=":tensorflow:serving:request_latency",
    unit=MICROSECONDS,
)
# A request that the mesh could not deliver has code 0.
ISTIO = Profile(
    product="Istio",
    arm="destination_service_name",
    requests="istio_requests_total",
    code="response_code",
    errors="0|5..",
    refused="4..",
    latency="istio_request_duration_milliseconds",
    unit=MILLISECONDS,
    also=(("reporter", "source"),),
)
PROFILES = {
    "envoy": ENVOY,
    "knative-before-1.19": KNATIVE_BEFORE_1_19,
    "knative": KNATIVE,
    "kserve-python": KSERVE_PYTHON,
    "tf-serving": TF_SERVING,
    "istio": ISTIO,
}
