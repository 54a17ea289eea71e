"""Certificates, the key of service account tokens, and kubeconfigs; made once for a running cluster."""

import base64
from pathlib import Path

import yaml

from . import places
from .process import run

SERVER = "https://127.0.0.1:6443"
DAYS = "30"
_API_NAMES = (
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,"
    f"DNS:localhost,IP:127.0.0.1,IP:{places.NODE_ADDRESS},IP:{places.API_SERVICE}"
)
# Name: subject, key usage, alternative names, authority.
_CERTIFICATES = {
    "apiserver": ("/CN=kube-apiserver", "serverAuth", _API_NAMES, "authority"),
    "kubelet-serving": (
        f"/CN=system:node:{places.NODE}/O=system:nodes",
        "serverAuth",
        f"DNS:{places.NODE},IP:127.0.0.1,IP:{places.NODE_ADDRESS}",
        "authority",
    ),
    "webhooks": ("/CN=webhooks", "serverAuth", "IP:127.0.0.1", "authority"),
    "administrator": ("/O=system:masters/CN=administrator", "clientAuth", "", "authority"),
    "apiserver-to-kubelet": ("/O=system:masters/CN=apiserver-to-kubelet", "clientAuth", "", "authority"),
    "controllers": ("/CN=system:kube-controller-manager", "clientAuth", "", "authority"),
    "scheduler": ("/CN=system:kube-scheduler", "clientAuth", "", "authority"),
    "kubelet": (f"/O=system:nodes/CN=system:node:{places.NODE}", "clientAuth", "", "authority"),
    "proxy": ("/CN=system:kube-proxy", "clientAuth", "", "authority"),
    "aggregator": ("/CN=aggregator", "clientAuth", "", "aggregator-authority"),
}
_KUBECONFIGS = ("controllers", "scheduler", "kubelet", "proxy")


def make() -> None:
    """Make what is missing."""
    places.KEYS.mkdir(parents=True, exist_ok=True)
    places.KEYS.chmod(0o700)
    for authority in ("authority", "aggregator-authority"):
        if not _file(authority, "crt").exists():
            _key(authority)
            run(
                *("openssl", "req", "-x509", "-new", "-days", DAYS, "-subj", f"/CN={authority}"),
                *("-key", _file(authority, "key"), "-out", _file(authority, "crt")),
                *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            )
    if not _file("tokens", "pub").exists():
        run("openssl", "genrsa", "-out", _file("tokens", "key"), "2048")
        run("openssl", "rsa", "-in", _file("tokens", "key"), "-pubout", "-out", _file("tokens", "pub"))
    for name, (subject, usage, alternatives, authority) in _CERTIFICATES.items():
        if not _file(name, "crt").exists():
            _certificate(name, subject, usage, alternatives, authority)
    for name in _KUBECONFIGS:
        _kubeconfig(name, places.KEYS / f"{name}.kubeconfig")
    _kubeconfig("administrator", places.KUBECONFIG)


def authority() -> str:
    """The cluster's certificate authority, base64 as objects hold it."""
    return base64.b64encode(_file("authority", "crt").read_bytes()).decode()


def _certificate(name: str, subject: str, usage: str, alternatives: str, authority: str) -> None:
    _key(name)
    request, extensions = _file(name, "request"), _file(name, "extensions")
    lines = ["basicConstraints=CA:FALSE", "keyUsage=critical,digitalSignature,keyEncipherment"]
    lines += [f"extendedKeyUsage={usage}", *([f"subjectAltName={alternatives}"] if alternatives else [])]
    extensions.write_text("\n".join(lines))
    run("openssl", "req", "-new", "-key", _file(name, "key"), "-subj", subject, "-out", request)
    run(
        *("openssl", "x509", "-req", "-in", request, "-days", DAYS, "-extfile", extensions),
        *("-CA", _file(authority, "crt"), "-CAkey", _file(authority, "key"), "-CAcreateserial"),
        *("-out", _file(name, "crt")),
    )
    request.unlink()
    extensions.unlink()


def _key(name: str) -> None:
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", _file(name, "key"))


def _kubeconfig(name: str, path: Path) -> None:
    def inline(kind: str) -> str:
        return base64.b64encode(_file(name, kind).read_bytes()).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": SERVER, "certificate-authority-data": authority()}}],
        "users": [{"name": name, "user": {"client-certificate-data": inline("crt"), "client-key-data": inline("key")}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(content))
    path.chmod(0o600)


def _file(name: str, kind: str) -> Path:
    return places.KEYS / f"{name}.{kind}"
