"""Writes every compiled file that the repository keeps, so that a review shows what a change does to them.

python -m foldline_pipelines.golden FOLDER
"""

import sys
from pathlib import Path

from rich.progress import track

from foldline_pipelines import registry
from foldline_pipelines.compile import compile_component, compile_pipeline


def write(folder: Path) -> None:
    """Write `pipelines/`, `kubernetes/` and `components/` below `folder`, a file each."""
    for name, entry in track(registry.pipelines().items(), description="pipelines"):
        function = registry.load(entry)
        compile_pipeline(function, folder / "pipelines" / f"{name}.yaml", {})
        compile_pipeline(function, folder / "kubernetes" / f"{name}.yaml", {}, kubernetes_manifests=True)
    for name, entry in track(registry.components().items(), description="components"):
        compile_component(registry.load(entry), folder / "components" / f"{name}.yaml")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
