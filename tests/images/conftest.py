"""The images of this checkout, the trainer's without CUDA."""

import os
import subprocess
from pathlib import Path

import pytest

from foldline._image import IMAGES, image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def images() -> None:
    """Built, or known to be those of this checkout: a build with nothing to do takes seconds."""
    if os.geteuid() != 0:
        pytest.skip("images are built and run as root")
    registry = image(IMAGES[0]).partition("/foldline-")[0]
    settings = {"BUILDER": "podman", "REGISTRY": registry, "IMAGES": " ".join(IMAGES), "ACCELERATOR": "cpu", "TAG": ""}
    subprocess.run([ROOT / "images" / "build"], env=os.environ | settings, check=True)
