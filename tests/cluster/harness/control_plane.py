"""Level api: etcd, the API server and the controllers."""

from pathlib import Path

from . import keys, places
from .process import kubectl, start, wait

ETCD = "http://127.0.0.1:2379"


def up() -> None:
    """Start what does not run and wait until it answers."""
    keys.make()
    data = places.DATA / "etcd"
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    start(
        "etcd",
        *("etcd", "--name=test", f"--data-dir={data}", "--unsafe-no-fsync", "--log-level=warn"),
        *(f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}", "--quota-backend-bytes=2147483648"),
        *("--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380"),
        "--initial-cluster=test=http://127.0.0.1:2380",
    )
    api_server()
    start(
        "kube-controller-manager",
        places.BIN / "kube-controller-manager",
        *_kubeconfigs("controllers"),
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={_key('tokens.key')}",
        f"--root-ca-file={_key('authority.crt')}",
        f"--cluster-signing-cert-file={_key('authority.crt')}",
        f"--cluster-signing-key-file={_key('authority.key')}",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={places.POD_RANGE}",
        f"--service-cluster-ip-range={places.SERVICE_RANGE}",
    )
    wait(
        "the default service account",
        60,
        lambda: kubectl("get", "serviceaccount", "default", "--output=name"),
        log="kube-controller-manager",
    )


def api_server() -> None:
    """Start the API server unless it runs, and wait until it is ready."""
    start(
        "kube-apiserver",
        places.BIN / "kube-apiserver",
        f"--etcd-servers={ETCD}",
        "--secure-port=6443",
        # Not loopback, which the endpoints of the service `kubernetes` refuse.
        f"--advertise-address={places.NODE_ADDRESS}",
        f"--client-ca-file={_key('authority.crt')}",
        f"--tls-cert-file={_key('apiserver.crt')}",
        f"--tls-private-key-file={_key('apiserver.key')}",
        f"--service-account-key-file={_key('tokens.pub')}",
        f"--service-account-signing-key-file={_key('tokens.key')}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={places.SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--kubelet-certificate-authority={_key('authority.crt')}",
        f"--kubelet-client-certificate={_key('apiserver-to-kubelet.crt')}",
        f"--kubelet-client-key={_key('apiserver-to-kubelet.key')}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={_key('aggregator-authority.crt')}",
        "--requestheader-allowed-names=aggregator",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={_key('aggregator.crt')}",
        f"--proxy-client-key-file={_key('aggregator.key')}",
        "--shutdown-delay-duration=0s",
        # Streamed lists need a newer etcd than Debian 12's.
        "--feature-gates=WatchList=false",
    )
    wait("the API server", 120, lambda: kubectl("get", "--raw", "/readyz") == "ok", log="kube-apiserver")


def scheduler() -> None:
    """Start the scheduler, which level node needs."""
    start(
        "kube-scheduler",
        *(
            places.BIN / "kube-scheduler",
            *_kubeconfigs("scheduler"),
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
        ),
    )


def _kubeconfigs(name: str) -> list[str]:
    file = _key(f"{name}.kubeconfig")
    return [f"--{use}kubeconfig={file}" for use in ("", "authentication-", "authorization-")]


def _key(name: str) -> Path:
    return places.KEYS / name
