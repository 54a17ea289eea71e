"""Level node: scheduler, container runtime, kubelet, services, DNS, volumes and metrics on one node."""

import json
import re
import time
from pathlib import Path

from . import control_plane, images, places
from .process import HarnessError, apply, end, inside, kubectl, run, settle, start, wait

CONTAINERD, KUBELET = "containerd", "kubelet"
ADD_ONS = ("coredns", "local-path-provisioner", "metrics-server")
STOP_S = 5.0


def up() -> None:
    """Start what does not run and wait until pods can run and resolve names."""
    places.SETTINGS.mkdir(parents=True, exist_ok=True)
    _runtime()
    control_plane.scheduler()
    _kubelet()
    _services()
    wait("the node", 90, _node_ready, log=KUBELET)
    apply(*(places.SOURCE / "objects" / f"{name}.yaml" for name in ADD_ONS))
    for name, namespace in (("coredns", "kube-system"), ("local-path-provisioner", "local-path-storage")):
        rolled_out(name, namespace)


def rolled_out(deployment: str, namespace: str, seconds: float = 120) -> None:
    """Wait until a Deployment has its replicas.

    Raises:
        HarnessError: it has not within `seconds`.
    """

    def ready() -> bool:
        found = json.loads(kubectl("get", "deployment", deployment, "--namespace", namespace, "--output=json"))
        state = found.get("status", {})
        current = state.get("observedGeneration", 0) >= found["metadata"]["generation"]
        return current and state.get("availableReplicas", 0) >= found["spec"]["replicas"] == state.get("replicas")

    wait(f"deployment {namespace}/{deployment}", seconds, ready)


def remove() -> None:
    """End pods and the runtime; remove mounts, namespaces of pods and control groups."""
    if places.SOCKET.exists():
        # Also after it was killed: only it can end what it started.
        _start_runtime()
        for task in _ctr("tasks", "list", "--quiet").split():
            _tolerant("tasks", "kill", "--signal", "9", task)
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline and "RUNNING" in _ctr("tasks", "list"):
            time.sleep(0.1)
        containers = _ctr("containers", "list", "--quiet").split()
        described = "".join(_ctr("containers", "info", each) for each in containers)
        networks = set(re.findall(r"/netns/(cni-[0-9a-f-]+)", described))
        for container in containers:
            _tolerant("tasks", "delete", "--force", container)
            _tolerant("containers", "delete", container)
        for name in networks:
            if Path(f"/run/netns/{name}").exists():
                run("ip", "netns", "delete", name)
    end(CONTAINERD)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(f"{places.RUN}/")), reverse=True):
        run("umount", "--lazy", mount)
    for hierarchy in _hierarchies():
        for group in sorted((hierarchy / places.CGROUP.lstrip("/")).rglob("*/"), reverse=True):
            _remove_group(group)
        _remove_group(hierarchy / places.CGROUP.lstrip("/"))


def _runtime() -> None:
    settings = places.SETTINGS / "containerd.toml"
    settings.write_text(
        (places.SOURCE / "objects" / "containerd.toml")
        .read_text()
        .format(root=places.DATA / "containerd", state=places.RUN / "containerd", socket=places.SOCKET, cni=_cni())
    )
    _start_runtime()
    for archive in (images.program_image("pause"), images.base_image(), *map(images.program_image, ADD_ONS)):
        images.load_once(archive)


def _start_runtime() -> None:
    start(CONTAINERD, "containerd", "--config", places.SETTINGS / "containerd.toml")
    wait("containerd", 30, lambda: _ctr("version"), log=CONTAINERD)


def _cni() -> Path:
    """Folder with the settings of the pods' network: a bridge, and addresses that go nowhere else."""
    folder = places.SETTINGS / "cni"
    folder.mkdir(exist_ok=True)
    addresses = {
        "type": "host-local",
        "dataDir": str(places.RUN / "cni"),
        "ranges": [[{"subnet": places.NODE_POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "forceAddress": True,
        "ipam": addresses,
    }
    network = {"cniVersion": "0.4.0", "name": "test", "plugins": [bridge]}
    (folder / "10-test.conflist").write_text(json.dumps(network))
    return folder


def _kubelet() -> None:
    for hierarchy in _hierarchies():
        group = hierarchy / places.CGROUP.lstrip("/")
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (group / name).exists():
                (group / name).write_text((hierarchy / name).read_text())
        # All pods are in this group, which has the weight of one busy program unless it is given more.
        for name, weight in (("cpu.shares", 10_240), ("cpu.weight", 1_000)):
            if (group / name).exists():
                (group / name).write_text(str(weight))
    # Names are the cluster's own; this machine's servers are not reachable.
    (places.SETTINGS / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(places.KEYS / "authority.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(places.KEYS / "kubelet-serving.crt"),
        "tlsPrivateKeyFile": str(places.KEYS / "kubelet-serving.key"),
        "containerRuntimeEndpoint": f"unix://{places.SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": places.CGROUP,
        "podLogsDir": str(places.DATA / "pod-logs"),
        "clusterDomain": "cluster.local",
        "clusterDNS": [places.DNS_SERVICE],
        "resolvConf": str(places.SETTINGS / "resolv.conf"),
        # What a sandbox without CAP_SYS_RESOURCE and with the first form of control groups needs.
        "featureGates": {"KubeletInUserNamespace": True},
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "maxPods": 200,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        # A collected image could not be pulled again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
    }
    file = settle(places.SETTINGS / "kubelet.yaml", settings)
    start(
        KUBELET,
        places.BIN / KUBELET,
        *(f"--config={file}", f"--kubeconfig={places.KEYS / 'kubelet.kubeconfig'}"),
        *(f"--hostname-override={places.NODE}", f"--node-ip={places.NODE_ADDRESS}"),
        *(f"--root-dir={places.DATA / 'kubelet'}", f"--cert-dir={places.DATA / 'kubelet-keys'}"),
    )
    wait("the node's registration", 60, lambda: kubectl("get", "node", places.NODE), log=KUBELET)


def _services() -> None:
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(places.KEYS / "proxy.kubeconfig")},
        "clusterCIDR": places.POD_RANGE,
        # Its nftables mode can lose the chain of an endpoint that was away for a minute.
        "mode": "iptables",
        "hostnameOverride": places.NODE,
        "nodePortAddresses": [f"{places.NODE_ADDRESS}/32"],
        # No writes to this machine's own settings.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    file = settle(places.SETTINGS / "kube-proxy.yaml", settings)
    start("kube-proxy", places.BIN / "kube-proxy", f"--config={file}")


def _node_ready() -> bool:
    node = json.loads(kubectl("get", "node", places.NODE, "--output=json"))
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])


def _hierarchies() -> list[Path]:
    """The mounted control group hierarchies: several of the first form, or the one of the second."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [folder for folder in root.iterdir() if folder.is_dir() and not folder.is_symlink()]


def _remove_group(group: Path) -> None:
    """Remove an empty control group; its last processes may still be ending."""

    def gone() -> bool:
        if group.is_dir():
            group.rmdir()
        return True

    wait(f"the removal of control group {group}", STOP_S, gone)


def _ctr(*arguments: str) -> str:
    return run(*inside("ctr", "--address", places.SOCKET, "--namespace", "k8s.io", *arguments))


def _tolerant(*arguments: str) -> None:
    """A command of ctr whose object may be gone already."""
    try:
        _ctr(*arguments)
    except HarnessError as fault:
        if "not found" not in str(fault) and "already" not in str(fault):
            raise
