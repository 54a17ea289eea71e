"""A push to a real registry on this machine, and a pipeline compiled with the digests that it gave."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from foldline_pipelines.local import environments

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = ROOT / "dist" / "images.env"
COMMAND = environments.root() / "local" / "bin" / "foldline"
START_S = 20.0

# The first test waits for the build.
pytestmark = [pytest.mark.usefixtures("images"), pytest.mark.timeout(1800)]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Address of an empty registry without TLS."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("the Debian package docker-registry is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": address},
    }
    (tmp_path / "registry.yml").write_text(yaml.safe_dump(settings))
    with (tmp_path / "registry.log").open("wb") as log:
        running = subprocess.Popen([program, "serve", tmp_path / "registry.yml"], stdout=log, stderr=log)
        try:
            host, port = address.split(":")
            deadline = time.monotonic() + START_S
            while True:
                try:
                    socket.create_connection((host, int(port)), timeout=1).close()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < deadline, (tmp_path / "registry.log").read_text()
                    time.sleep(0.1)
            yield address
        finally:
            running.terminate()
            running.wait(10)


def test_a_pushed_image_is_pinned_by_its_digest_in_a_compiled_pipeline(registry: str, tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    told = os.environ | {"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf")}
    settings = {"BUILDER": "podman", "REGISTRY": f"{registry}/team", "IMAGES": "launcher", "TAG": "trial", "PUSH": "1"}
    earlier = DIGESTS.read_text() if DIGESTS.exists() else None
    try:
        subprocess.run([ROOT / "images" / "build"], env=told | settings, check=True)
        written = DIGESTS.read_text()
    finally:
        subprocess.run(["podman", "rmi", f"{registry}/team/foldline-launcher:trial"], check=False)
        DIGESTS.unlink(missing_ok=True) if earlier is None else DIGESTS.write_text(earlier)
    variable, _, pinned = written.strip().partition("=")
    assert variable == "FOLDLINE_IMAGE_LAUNCHER"
    assert pinned.startswith(f"{registry}/team/foldline-launcher@sha256:")

    compiled = tmp_path / "cross_validate.yaml"
    command = [COMMAND, "compile", "cross_validate", "--output", compiled]
    subprocess.run(command, env=os.environ | {variable: pinned}, check=True)
    executors = next(yaml.safe_load_all(compiled.read_text()))["deploymentSpec"]["executors"]
    assert executors["exec-ingest-dataset"]["container"]["image"] == pinned
    subprocess.run(["podman", "pull", "--quiet", pinned], env=told, check=True)
    subprocess.run(["podman", "rmi", pinned], check=True)
