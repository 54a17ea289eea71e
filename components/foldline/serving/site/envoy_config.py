"""What Envoy is told, as plain objects, and what it says it does: no network, no files.

Listener, routes and clusters are files that Envoy reads again when they are replaced
(https://www.envoyproxy.io/docs/envoy/latest/start/quick-start/configuration-dynamic-filesystem).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foldline.serving.site.state import Arm, State

Document = dict[str, Any]
NAME = "site"
SOCKET = "admin.sock"
BOOTSTRAP, LISTENERS, ROUTES, CLUSTERS = "bootstrap.json", "lds.json", "rds.json", "cds.json"
READY_PATH = "/v2/health/ready"
WHOLE = 10_000
CONNECT_S = 5
CHECK_S = 2
# Less than the 5 seconds after which the model server closes a connection that nobody uses: Envoy must be the first, or
# a request may meet the closing.
IDLE_S = 3
# Milliseconds. Envoy measures whole ones; a value equal to an edge is in the bin that ends there.
LATENCY_EDGES = (
    *(1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 800),
    *(1000, 1500, 2000, 3000, 5000, 10_000, 20_000, 30_000, 60_000),
)
_TYPES = "type.googleapis.com/envoy"
_MANAGER = f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = f"{_TYPES}.extensions.filters.http.router.v3.Router"
_PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class Shares:
    """Who gets the requests.

    Attributes:
        arms: names of clusters and their weights, each above 0, of WHOLE together; none where nothing is served.
        mirror: cluster that gets copies, and its part of WHOLE of all requests.
    """

    arms: tuple[tuple[str, int], ...] = ()
    mirror: tuple[str, int] | None = None


def shares(champion: Arm | None, challenger: Arm | None, percent: float, mirror_percent: float) -> Shares:
    """The challenger gets `percent` of the requests, and copies of `mirror_percent` of the champion's.

    The champion stands first: Envoy draws one number a request for its arm and for its copy, so that the copies are of
    the champion's requests, which have the small numbers.
    """
    given = round(WHOLE * percent / 100) if challenger is not None else 0
    if percent > 0 and challenger is not None:
        given = max(given, 1)
    if percent < 100 and champion is not None:
        given = min(given, WHOLE - 1)
    kept = WHOLE - given if champion is not None else 0
    named = ((champion, kept), (challenger, WHOLE - kept if given else 0))
    arms = tuple((arm.name, weight) for arm, weight in named if arm is not None and weight)
    copies = round(kept * mirror_percent / 100)
    return Shares(arms, (challenger.mirror, copies) if challenger is not None and copies else None)


def bootstrap(folder: Path) -> Document:
    """What Envoy reads once."""
    return {
        "node": {"id": NAME, "cluster": NAME},
        # Relative to the folder that Envoy runs in: the path of a socket must be short.
        "admin": {"address": {"pipe": {"path": SOCKET, "mode": 0o600}}},
        "dynamic_resources": {"lds_config": _file(folder, LISTENERS), "cds_config": _file(folder, CLUSTERS)},
        "stats_flush_interval": "1s",
        "stats_config": {
            "histogram_bucket_settings": [{"match": {"suffix": "upstream_rq_time"}, "buckets": list(LATENCY_EDGES)}]
        },
    }


def listeners(folder: Path, state: State) -> Document:
    """One listener; the identity of a request is kept where the client gave it one."""
    manager = {
        "@type": _MANAGER,
        "stat_prefix": NAME,
        "rds": {"route_config_name": NAME, "config_source": _file(folder, ROUTES)},
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": f"{state.request_timeout_s + 5:g}s",
        "http_filters": [
            {"name": "router", "typed_config": {"@type": _ROUTER, "suppress_envoy_headers": True}},
        ],
    }
    return _response(
        {
            "@type": f"{_TYPES}.config.listener.v3.Listener",
            "name": NAME,
            "address": _address(state.host, state.port),
            # A second listener on the same port must fail, not share it.
            "enable_reuse_port": False,
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
    )


def routes(given: Shares, request_timeout_s: float) -> Document:
    """All requests to the arms by weight, without retries: they would hide errors."""
    route: Document = {"direct_response": {"status": 503, "body": {"inline_string": "no model is served"}}}
    if given.arms:
        weighted = [{"name": name, "weight": weight} for name, weight in given.arms]
        action: Document = {"weighted_clusters": {"clusters": weighted}, "timeout": f"{request_timeout_s:g}s"}
        if given.mirror is not None:
            cluster, copies = given.mirror
            fraction = {"default_value": {"numerator": copies, "denominator": "TEN_THOUSAND"}}
            action["request_mirror_policies"] = [{"cluster": cluster, "runtime_fraction": fraction}]
        route = {"route": action}
    return _response(
        {
            "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
            "name": NAME,
            # A route to a cluster that is not there is refused, and the one before stays.
            "validate_clusters": True,
            "virtual_hosts": [{"name": NAME, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}],
        }
    )


def clusters(ports: Mapping[Arm, int]) -> Document:
    """Two clusters an arm, by the port of its server: for its requests, and for copies."""
    made = []
    for arm, port in ports.items():
        made += [_cluster(arm.name, port, checked=True), _cluster(arm.mirror, port, checked=False)]
    return _response(*made)


def shares_in_force(dump: Document) -> Shares | None:
    """What the answer of `/config_dump?resource=dynamic_route_configs` says; None where it says something else."""
    try:
        (route,) = dump["configs"][0]["route_config"]["virtual_hosts"][0]["routes"]
        if "direct_response" in route:
            return Shares()
        action = route["route"]
        if "weighted_clusters" in action:
            arms = tuple((part["name"], int(part["weight"])) for part in action["weighted_clusters"]["clusters"])
        else:
            arms = ((action["cluster"], WHOLE),)
        policies = action.get("request_mirror_policies", [])
        if not policies:
            return Shares(arms)
        (policy,) = policies
        return Shares(arms, (policy["cluster"], int(policy["runtime_fraction"]["default_value"]["numerator"])))
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _cluster(name: str, port: int, *, checked: bool) -> Document:
    endpoint = {"endpoint": {"address": _address("127.0.0.1", port)}}
    protocol = {
        "@type": f"type.googleapis.com/{_PROTOCOLS}",
        "common_http_protocol_options": {"idle_timeout": f"{IDLE_S}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    check = {
        "http_health_check": {"path": READY_PATH},
        "timeout": f"{CONNECT_S}s",
        "interval": f"{CHECK_S}s",
        "no_traffic_interval": f"{CHECK_S}s",
        "healthy_threshold": 1,
        "unhealthy_threshold": 3,
    }
    return {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": f"{CONNECT_S}s",
        "typed_extension_protocol_options": {_PROTOCOLS: protocol},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        **({"health_checks": [check], "ignore_health_on_host_removal": True} if checked else {}),
    }


def _response(*resources: Document) -> Document:
    listed: Sequence[Document] = resources
    return {"resources": list(listed)}


def _file(folder: Path, name: str) -> Document:
    return {"path_config_source": {"path": str(folder / name)}, "resource_api_version": "V3"}


def _address(host: str, port: int) -> Document:
    return {"socket_address": {"address": host, "port_value": port}}
