"""Decisions about a challenger on simulated traffic: Foldline's judge beside the rules of Flagger and Kayenta.

Simulated in the environment that stands for the image of the judge.
"""

import subprocess
from pathlib import Path

from foldline_pipelines.local import environments

HERE = Path(__file__).parent


def main() -> None:
    """Simulate, print, and write the figures to JSON."""
    results = HERE / "results" / "canary.json"
    results.parent.mkdir(exist_ok=True)
    subprocess.run([str(environments.interpreter("server")), str(HERE / "canary_rules"), str(results)], check=True)


if __name__ == "__main__":
    main()
