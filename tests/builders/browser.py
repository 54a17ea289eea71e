"""A page as headless Chromium sees it."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = shutil.which("chromium")
# Chromium speaks to its maker at every start; only what a page asked for has an origin as initiator.
NO_PAGE = "not an origin"
SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
]


@dataclass(frozen=True)
class Visit:
    """What a page did: its final document, messages on the console, addresses asked for over a network."""

    document: str
    console: list[str]
    requests: list[str]


def visit(page: Path, folder: Path, screenshot: Path | None = None) -> Visit:
    """Open `page` with a new profile in the empty `folder`."""
    log = folder / "net.json"
    command = [str(CHROMIUM), *SWITCHES, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
    if screenshot is not None:
        command += [f"--screenshot={screenshot}", "--window-size=1200,1600"]
    command += ["--dump-dom", page.absolute().as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    events = json.loads(log.read_text())
    names = {number: name for name, number in events["constants"]["logEventTypes"].items()}
    started = [event["params"] for event in events["events"] if names[event["type"]] == "URL_REQUEST_START_JOB"]
    requests = [
        request["url"]
        for request in started
        if "url" in request
        and request.get("initiator") != NO_PAGE
        and request["url"].startswith(("http:", "https:", "ws:", "wss:"))
    ]
    console = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    return Visit(ended.stdout, console, requests)
