"""The image of each component: named after the package, tagged with its version."""

import os
from importlib.metadata import version

IMAGES = ("launcher", "validator", "trainer", "server")
DEFAULT_REGISTRY = "ghcr.io/foldline"


def image(name: str) -> str:
    """Full reference of the image `name` (one of `IMAGES`).

    `FOLDLINE_IMAGE_<NAME>` in the environment of the compiling process replaces it whole, `FOLDLINE_IMAGE_REGISTRY`
    replaces the registry and repository part only.
    """
    if name not in IMAGES:
        raise ValueError(f"image must be one of {', '.join(IMAGES)}, but got {name!r}")
    registry = os.environ.get("FOLDLINE_IMAGE_REGISTRY", DEFAULT_REGISTRY)
    return os.environ.get(f"FOLDLINE_IMAGE_{name.upper()}", f"{registry}/foldline-{name}:{version('foldline')}")


LAUNCHER = image("launcher")
VALIDATOR = image("validator")
TRAINER = image("trainer")
SERVER = image("server")
