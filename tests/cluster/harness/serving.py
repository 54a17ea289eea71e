"""Level serving: an S3 store, KServe, a gateway, Knative and Prometheus."""

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import yaml

from . import build, images, keys, knative, places, prometheus
from .node import rolled_out
from .process import apply, end, kubectl, run, settle, start, wait

WEBHOOK_PORT = 19443
INITIALIZER = "localhost/storage-initializer:0.20.0"
_KSERVE = "github.com/kserve/kserve"
_GATEWAY = "github.com/envoyproxy/gateway"
_LIBRARIES = (
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libresolv.so.2",
    "libnss_files.so.2",
)


def up() -> None:
    """Start what does not run and wait until InferenceServices can be made and reached."""
    kserve, gateway = build.module_folder("kserve", _KSERVE), build.module_folder("envoy-gateway", _GATEWAY)
    for archive in (
        images.program_image("minio"),
        images.program_image("envoy-gateway", writable=["var/lib/eg"]),
        _envoy_image(),
        _initializer_image(kserve),
    ):
        images.load_once(archive)
    _object_store()
    # KServe looks for the Gateway API and for Knative once, when it starts.
    crds = gateway / "charts/gateway-helm/crds"
    apply(crds / "gatewayapi-crds.yaml", *sorted((crds / "generated").glob("*.yaml")))
    kserve_crds = kserve / "config/crd/full"
    folders = (kserve_crds, kserve_crds / "clusterstoragecontainer", kserve_crds / "localmodel")
    apply(*(file for folder in folders for file in sorted(folder.glob("serving.kserve.io_*.yaml"))))
    if not knative.is_known():
        end("kserve-manager")
    knative.custom_resources()
    wait("every custom resource", 60, _established)
    _gateway()
    knative.up()
    kserve_manager()
    prometheus.up()


def _object_store() -> None:
    """MinIO, whose keys are made here and stand in a Secret only."""
    if not kubectl("get", "namespace", "minio", "--ignore-not-found", "--output=name"):
        kubectl("create", "namespace", "minio")
    if not kubectl("get", "secret", "minio-root", "--namespace=minio", "--ignore-not-found", "--output=name"):
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "minio-root", "namespace": "minio"},
            "stringData": {
                "AWS_ACCESS_KEY_ID": "foldline",
                "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(24),
                "FOLDLINE_S3_ENDPOINT": "http://minio.minio.svc.cluster.local:9000",
            },
        }
        kubectl("create", "--filename=-", given=json.dumps(secret))
    apply(places.SOURCE / "objects" / "minio.yaml")
    rolled_out("minio", "minio")


def _gateway() -> None:
    apply(places.SOURCE / "objects" / "kserve.yaml")
    apply(places.SOURCE / "objects" / "envoy-gateway.yaml")
    rolled_out("envoy-gateway", "envoy-gateway-system")
    wait("the gateway", 120, lambda: _condition("gateway", "kserve-ingress-gateway", "kserve", "Programmed"))


def kserve_manager() -> None:
    """KServe's manager as a process beside the API server; its webhooks are reached by address."""
    source = build.module_folder("kserve", _KSERVE)
    apply(settle(places.SETTINGS / "inferenceservice-config.yaml", _settings()))
    scratch = places.DATA / "kserve"
    certificates = scratch / "k8s-webhook-server" / "serving-certs"
    certificates.mkdir(parents=True, exist_ok=True)
    for kind in ("crt", "key"):
        shutil.copy2(places.KEYS / f"webhooks.{kind}", certificates / f"tls.{kind}")
    start(
        "kserve-manager",
        places.BIN / "kserve-manager",
        "--metrics-addr=127.0.0.1:18091",
        "--health-probe-addr=127.0.0.1:18092",
        f"--webhook-port={WEBHOOK_PORT}",
        environment={
            "KUBECONFIG": str(places.KUBECONFIG),
            "POD_NAMESPACE": "kserve",
            "SECRET_NAME": "kserve-webhook-server-cert",
            "TMPDIR": str(scratch),
        },
    )
    hooks = {"apiVersion": "v1", "kind": "List", "items": _webhooks(source / "config/webhook/manifests.yaml")}
    apply(settle(places.SETTINGS / "kserve-webhooks.yaml", hooks))
    probe = json.dumps(_probe())
    wait(
        "KServe's webhooks",
        120,
        lambda: kubectl("create", "--dry-run=server", "--output=name", "--filename=-", given=probe),
        log="kserve-manager",
    )
    apply(places.SOURCE / "objects" / "storage.yaml")


def _settings() -> dict[str, Any]:
    """KServe's own ConfigMap: Deployments rather than Knative, routes through the gateway, images that are here."""
    small = {"memoryRequest": "64Mi", "memoryLimit": "1Gi", "cpuRequest": "10m", "cpuLimit": "1"}
    unused = {"image": "localhost/unused:1", **small}
    sections: dict[str, Any] = {
        "deploy": {"defaultDeploymentMode": "Standard"},
        "ingress": {
            "enableGatewayApi": True,
            "kserveIngressGateway": "kserve/kserve-ingress-gateway",
            "ingressGateway": "knative-serving/knative-ingress-gateway",
            "localGateway": "knative-serving/knative-local-gateway",
            "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
            "ingressDomain": "example.com",
            "ingressClassName": "nginx",
            "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
            "urlScheme": "http",
            "disableIstioVirtualHost": True,
        },
        "storageInitializer": {"image": INITIALIZER, **small, "enableModelcar": False},
        "credentials": {
            "storageSpecSecretName": "storage-config",
            "storageSecretNameAnnotation": "serving.kserve.io/storageSecretName",
            "gcs": {"gcsCredentialFileName": "gcloud-application-credentials.json"},
            "s3": {"s3AccessKeyIDName": "AWS_ACCESS_KEY_ID", "s3SecretAccessKeyName": "AWS_SECRET_ACCESS_KEY"},
        },
        "inferenceService": {
            "resource": {"cpuLimit": "1", "memoryLimit": "1Gi", "cpuRequest": "10m", "memoryRequest": "64Mi"}
        },
        "logger": {**unused, "defaultUrl": "http://default-broker"},
        "batcher": {**unused, "maxBatchSize": "32", "maxLatency": "5000"},
        "agent": unused,
        "router": {**unused, "headers": {"propagate": []}, "imagePullPolicy": "IfNotPresent"},
        "explainers": {},
        "metricsAggregator": {"enableMetricAggregation": "false", "enablePrometheusScraping": "false"},
        "security": {"autoMountServiceAccountToken": True},
        "localModel": {"enabled": False},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {name: json.dumps(section) for name, section in sections.items()},
    }


def _webhooks(file: Path) -> list[dict[str, Any]]:
    """KServe's webhook configurations, sent to its process on this machine."""
    text = file.read_text().replace("$(webhookServiceName)", "kserve-webhook-server-service")
    found = [each for each in yaml.safe_load_all(text) if each and each["kind"].endswith("WebhookConfiguration")]
    for configuration in found:
        configuration["metadata"].pop("creationTimestamp", None)
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            webhook["clientConfig"] = {"url": f"https://127.0.0.1:{WEBHOOK_PORT}{path}", "caBundle": keys.authority()}
            webhook["timeoutSeconds"] = 10
    return found


def _probe() -> dict[str, Any]:
    predictor = {"containers": [{"name": "kserve-container", "image": "localhost/base:1"}]}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"predictor": predictor},
    }


def _envoy_image() -> Path:
    """Envoy and the libraries that it is linked with."""
    archive = places.IMAGES / "envoy.tar"
    if not archive.exists():
        root = images.fresh(places.ROOTS / "envoy")
        images.install(build.envoy(), root)
        (root / "tmp").mkdir(mode=0o1777)
        debian = images.debian()
        for source, folder in (
            *((debian / "usr/lib/x86_64-linux-gnu" / name, "lib/x86_64-linux-gnu") for name in _LIBRARIES),
            (debian / "usr/lib64/ld-linux-x86-64.so.2", "lib64"),
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / folder / source.name)
        settings = {"Entrypoint": ["/usr/local/bin/envoy"], "User": images.UNPRIVILEGED}
        images.pack(root, archive, "localhost/envoy:1.40.0", settings)
    return archive


def _initializer_image(source: Path) -> Path:
    """KServe's own storage initializer, of its Python package and its entry point."""
    archive = places.IMAGES / "storage-initializer.tar"
    if not archive.exists():
        root = images.fresh(places.ROOTS / "storage-initializer")
        # Not dev, whose files have no end.
        run("cp", "--archive", *(images.debian() / name for name in ("bin", "etc", "lib", "lib64", "usr")), root)
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        build.wheels(
            places.SOURCE / "objects" / "storage-initializer.txt", root / "usr/local/lib/python3.13/dist-packages"
        )
        scripts = root / "storage-initializer" / "scripts"
        scripts.mkdir(parents=True)
        entry = scripts / "initializer-entrypoint"
        entry.write_bytes((source / "python/storage-initializer/scripts/initializer-entrypoint").read_bytes())
        entry.chmod(0o755)
        settings = {"Entrypoint": [f"/{entry.relative_to(root)}"], "User": "1000"}
        images.pack(root, archive, INITIALIZER, settings)
    return archive


def _established() -> bool:
    """Whether the API server serves all custom resources; kubectl wait gives up on one that has no conditions yet."""
    state = '--output=jsonpath={range .items[*]}{.status.conditions[?(@.type=="Established")].status} {end}'
    names = kubectl("get", "customresourcedefinitions", "--output=name").split()
    return kubectl("get", "customresourcedefinitions", state).split() == ["True"] * len(names)


def _condition(kind: str, name: str, namespace: str, condition: str) -> bool:
    found = json.loads(kubectl("get", kind, name, f"--namespace={namespace}", "--output=json"))
    states = found.get("status", {}).get("conditions") or []
    return any(state["type"] == condition and state["status"] == "True" for state in states)
