"""Run every test with the interpreter of the environment that its subject runs in, and count them all at the end.

python tests/run.py SUITE[,SUITE] [pytest arguments]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from foldline_pipelines.local import environments

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = "tests/cluster/tests"
# Of each suite: what goes before the interpreter, and the folders of each environment.
SUITES: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "machine": (
        [],
        {
            "launcher": ["tests/components/launcher"],
            "validator": ["tests/components/validator"],
            "trainer": ["tests/components/trainer"],
            "server": ["tests/components/server"],
            "local": ["tests/product", "tests/pipelines", "tests/browser"],
        },
    ),
    "images": ([], {"local": ["tests/images"]}),
    # The overlays are built here too, since the cluster's kubectl is there also where this machine has none.
    "cluster": (
        ["tests/cluster/enter"],
        {"server": [f"{CLUSTER}/server"], "local": [f"{CLUSTER}/local", "tests/product/test_manifests.py"]},
    ),
}
NOTHING_COLLECTED = 5


def run(
    before: list[str], environment: str, folders: list[str], arguments: list[str]
) -> tuple[dict[str, int], list[str], bool]:
    """Counts, reasons of skipped tests, and whether the run of one environment went well."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as record:
        command = [*before, str(environments.interpreter(environment)), "-m", "pytest", f"--junitxml={record.name}"]
        ended = subprocess.run([*command, *arguments, *folders], cwd=ROOT, check=False)
        suite = ElementTree.parse(record.name).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    skipped = [
        f"{case.get('classname')}.{case.get('name')}: {reason.get('message')}"
        for case in suite.iter("testcase")
        for reason in case.iter("skipped")
    ]
    return counts, skipped, ended.returncode == 0 or (bool(arguments) and ended.returncode == NOTHING_COLLECTED)


def main() -> int:
    started = time.monotonic()
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    reasons: list[str] = []
    well = True
    for suite in sys.argv[1].split(","):
        before, environments_of_suite = SUITES[suite]
        for environment, folders in environments_of_suite.items():
            print(f"tests of the {suite} in the {environment} environment", flush=True)
            counts, skipped, passed = run(before, environment, folders, sys.argv[2:])
            total = {name: total[name] + counts[name] for name in total}
            reasons += skipped
            well = well and passed
    for reason in reasons:
        print(f"skipped: {reason}")
    failed = total["failures"] + total["errors"]
    print(f"all suites, {time.monotonic() - started:.0f} s")
    print(f"{total['tests'] - failed - total['skipped']} passed, {failed} failed, {total['skipped']} skipped")
    print(
        "next: make demo"
        if well
        else "next: read the failures above; run one file with its environment's python -m pytest"
    )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
