"""What the acceptance tests are told, and what they read from the command's output."""

import os
import subprocess

import pytest


def given(name: str, what: str) -> str:
    """A setting of the environment; without it the test is skipped with `what` as reason."""
    value = os.environ.get(name, "")
    if not value:
        pytest.skip(f"{name} is not given: {what}")
    return value


def run_id(ended: subprocess.CompletedProcess[str]) -> str:
    """Id of the run that `foldline submit` started."""
    assert "/runs/details/" in ended.stdout, ended.stdout + ended.stderr
    return ended.stdout.split("/runs/details/")[1].split()[0]
