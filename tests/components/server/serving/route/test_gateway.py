"""Which Gateway users come through."""

from typing import Any

import pytest

from foldline.cluster import GATEWAYS, HTTP_ROUTES, INFERENCE_SERVICES, REVISIONS, Resource
from foldline.errors import ArgumentError, FoldlineError, ServingError
from foldline.serving.deploy_canary.backends.route import gateway, probe
from foldline.serving.deploy_canary.backends.route.gateway import Gateway

Object = dict[str, Any]


def made(name: str, *listeners: Object, addresses: tuple[str, ...] = ("10.0.0.1",)) -> Object:
    return {
        "metadata": {"namespace": "ingress", "name": name},
        "spec": {"listeners": list(listeners)},
        "status": {
            "addresses": [{"value": address} for address in addresses],
            "listeners": [{"name": "http", "attachedRoutes": 2}],
            "conditions": [{"type": "Programmed", "status": "False", "message": "no address yet"}],
        },
    }


def listener(allowed: str | None = "All", **changed: Any) -> Object:
    rule = {"allowedRoutes": {"namespaces": {"from": allowed}}} if allowed else {}
    return {"name": "http", "protocol": "HTTP", "port": 8080, **rule, **changed}


HTTPS = listener(name="tls", protocol="HTTPS", port=443)


class Listed:
    """A cluster that has these Gateways, and these kinds of objects."""

    def __init__(self, *gateways: Object, served: tuple[Resource, ...] = ()) -> None:
        self._gateways, self._served = gateways, served

    def select(self, *_: object) -> list[Object]:
        return list(self._gateways)

    def find(self, _: Resource, namespace: str, name: str) -> Object | None:
        return next((one for one in self._gateways if one["metadata"] == {"namespace": namespace, "name": name}), None)

    def serves(self, resource: Resource) -> bool:
        return resource in self._served


@pytest.mark.parametrize(
    ("found", "wanted", "namespace", "expected"),
    [
        ([made("public", listener())], "", "team", ("public", 8080, "internal")),
        (
            [made("public", HTTPS, listener(hostname="*.models.example"))],
            "",
            "team",
            ("public", 8080, "models.example"),
        ),
        ([made("public", listener()), made("secure", HTTPS)], "", "team", ("public", 8080, "internal")),
        ([made("public", listener()), made("other", listener())], "ingress/other", "team", ("other", 8080, "internal")),
        ([made("own", listener(None))], "", "ingress", ("own", 8080, "internal")),
        ([made("chosen", listener("Selector"))], "", "team", ("chosen", 8080, "internal")),
    ],
)
def test_the_named_one_is_taken_or_the_only_one(
    found: list[Object], wanted: str, namespace: str, expected: tuple[str, int, str]
) -> None:
    taken = gateway.find(Listed(*found), namespace, wanted)
    assert (taken.name, taken.port, taken.domain) == expected
    assert (taken.address, taken.routes, str(taken)) == ("10.0.0.1", 2, f"ingress/{expected[0]}")


@pytest.mark.parametrize(
    ("found", "wanted", "kind", "said"),
    [
        (
            [made("a", listener()), made("b", listener())],
            "",
            ArgumentError,
            r"got 2 such Gateways \(ingress/a, ingress/b\)",
        ),
        ([made("a", HTTPS)], "", ArgumentError, r"got 0 such Gateways \(ingress/a\)"),
        ([], "", ArgumentError, "got 0 such Gateways"),
        ([made("a", listener(None))], "", ArgumentError, "one that routes of team may use"),
        ([], "public", ArgumentError, "namespace/name of a Gateway, got 'public'"),
        ([], "a/b/c", ArgumentError, "namespace/name of a Gateway, got 'a/b/c'"),
        ([], "ingress/a", ServingError, "gateway/a in namespace ingress: expected a Gateway, got none of this name"),
        ([made("a", HTTPS)], "ingress/a", ServingError, r"listener of protocol HTTP that .* team, got tls \(HTTPS\)"),
        (
            [made("a", listener(), addresses=())],
            "ingress/a",
            ServingError,
            "an address, got .*Programmed.*no address yet",
        ),
    ],
)
def test_what_cannot_be_used_is_told(found: list[Object], wanted: str, kind: type[FoldlineError], said: str) -> None:
    with pytest.raises(kind, match=said):
        gateway.find(Listed(*found), "team", wanted)


class Cluster(Listed):
    """One that also has the model's InferenceService in this mode."""

    def __init__(self, mode: str, served: tuple[Resource, ...]) -> None:
        super().__init__(served=served)
        self._mode = mode

    def granted_by(self, capability: str) -> "Cluster":
        assert capability == "kserve"
        return self

    def find(self, _: Resource, namespace: str, name: str) -> Object | None:
        assert (namespace, name) == ("team", "late")
        return {"metadata": {}, "status": {"deploymentMode": self._mode}} if self._mode else None


@pytest.mark.parametrize(
    ("mode", "served", "backend"),
    [
        ("", (INFERENCE_SERVICES, HTTP_ROUTES, GATEWAYS), "route"),
        ("", (INFERENCE_SERVICES, HTTP_ROUTES), "kserve"),
        ("", (INFERENCE_SERVICES, GATEWAYS), "kserve"),
        ("", (INFERENCE_SERVICES,), "kserve"),
        ("", (INFERENCE_SERVICES, REVISIONS, HTTP_ROUTES, GATEWAYS), "route"),
        ("Standard", (INFERENCE_SERVICES, REVISIONS, HTTP_ROUTES, GATEWAYS), "route"),
        ("Knative", (INFERENCE_SERVICES, REVISIONS, HTTP_ROUTES, GATEWAYS), "knative"),
        ("Serverless", (INFERENCE_SERVICES, REVISIONS), "knative"),
        ("Knative", (INFERENCE_SERVICES, HTTP_ROUTES, GATEWAYS), "route"),
    ],
)
def test_the_backend_is_what_the_cluster_and_the_model_have(
    mode: str, served: tuple[Resource, ...], backend: str
) -> None:
    assert probe.chosen(Cluster(mode, served), "team", "late").backend == backend


def test_a_cluster_without_kserve_is_told() -> None:
    with pytest.raises(ServingError, match="backend auto: expected a cluster with KServe"):
        probe.chosen(Listed(served=(HTTP_ROUTES, GATEWAYS)), "team", "late")


@pytest.mark.parametrize(
    ("served", "said"),
    [
        ((REVISIONS,), "serves no inferenceservices.* Install KServe"),
        ((INFERENCE_SERVICES,), "serves no revisions.* Install Knative Serving and start KServe's controller again"),
    ],
)
def test_what_knative_needs_is_told(served: tuple[Resource, ...], said: str) -> None:
    with pytest.raises(ServingError, match=f"backend knative: .*{said}.* or take backend route"):
        probe.need_knative(Listed(served=served))
    probe.need_knative(Listed(served=(INFERENCE_SERVICES, REVISIONS)))


def test_a_gateway_is_named_with_its_namespace() -> None:
    assert str(Gateway("ingress", "public", "http", "10.0.0.1", 80)) == "ingress/public"
