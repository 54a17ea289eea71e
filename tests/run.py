"""Run every test with the interpreter of the environment that its subject runs in, and count them all at the end.

python tests/run.py SUITE[,SUITE] [pytest arguments]
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from foldline_pipelines.local import environments

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = "tests/cluster/tests"
# Of each suite: what goes before the interpreter, and each environment's folders; of the machine the longest first.
SUITES: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "machine": (
        [],
        {
            "trainer": ["tests/components/trainer"],
            "server": ["tests/components/server"],
            "local": ["tests/product", "tests/pipelines", "tests/browser"],
            "validator": ["tests/components/validator"],
            "launcher": ["tests/components/launcher"],
        },
    ),
    "images": ([], {"local": ["tests/images"]}),
    # The overlays are built here too, since the cluster's kubectl is there also where this machine has none.
    "cluster": (
        ["tests/cluster/enter"],
        {
            "trainer": [f"{CLUSTER}/trainer"],
            "server": [f"{CLUSTER}/server"],
            "local": [f"{CLUSTER}/local", "tests/product/test_manifests.py"],
        },
    ),
}
# Most tests of the machine wait for processes that they start: two environments fill two cores.
AT_ONCE = {"machine": 2}
NOTHING_COLLECTED = 5


def run(suite_name: str, environment: str, arguments: list[str]) -> tuple[dict[str, int], list[str], bool]:
    """Counts, reasons of skipped tests, and whether the run of one environment went well; prints what pytest says."""
    before, environments_of_suite = SUITES[suite_name]
    with tempfile.NamedTemporaryFile(suffix=".xml") as record:
        command = [*before, str(environments.interpreter(environment)), "-m", "pytest", f"--junitxml={record.name}"]
        command += [*arguments, *environments_of_suite[environment]]
        # A suite alone may be watched; of those that share the machine each is printed whole.
        shared = suite_name in AT_ONCE
        ended = subprocess.run(
            command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE if shared else None,
            stderr=subprocess.STDOUT if shared else None,
        )  # fmt: skip
        if shared:
            print(f"tests of the {suite_name} in the {environment} environment\n{ended.stdout}", end="", flush=True)
        suite = ElementTree.parse(record.name).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    skipped = [
        f"{case.get('classname')}.{case.get('name')}: {reason.get('message')}"
        for case in suite.iter("testcase")
        for reason in case.iter("skipped")
    ]
    return counts, skipped, ended.returncode == 0 or (bool(arguments) and ended.returncode == NOTHING_COLLECTED)


def run_all(suite: str, arguments: list[str]) -> Iterator[tuple[dict[str, int], list[str], bool]]:
    """What `run` gives for each environment of a suite."""
    names = list(SUITES[suite][1])
    if suite not in AT_ONCE:
        for environment in names:
            print(f"tests of the {suite} in the {environment} environment", flush=True)
            yield run(suite, environment, arguments)
        return
    print(f"tests of the {suite}: {', '.join(names)}, {AT_ONCE[suite]} at a time", flush=True)
    with ThreadPoolExecutor(AT_ONCE[suite]) as pool:
        yield from pool.map(lambda environment: run(suite, environment, arguments), names)


def main() -> int:
    started = time.monotonic()
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    reasons: list[str] = []
    well = True
    for suite in sys.argv[1].split(","):
        for counts, skipped, passed in run_all(suite, sys.argv[2:]):
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
