"""The wire of Kubeflow Pipelines 2.17 on loopback: what a client sends is checked as the server checks it.

Only what Foldline calls; a run ends as the test says, and its tasks are those of an Argo Workflow.
"""

import email.parser
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

_KINDS: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}
_FIELDS = {
    "run": {
        "display_name",
        "description",
        "experiment_id",
        "pipeline_version_reference",
        "pipeline_spec",
        "runtime_config",
        "service_account",
    },
    "recurring run": {
        "display_name",
        "description",
        "experiment_id",
        "pipeline_version_reference",
        "pipeline_spec",
        "runtime_config",
        "service_account",
        "trigger",
        "mode",
        "max_concurrency",
        "no_catchup",
    },
}


class RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text


@dataclass
class Kubeflow:
    """Objects of the server by id, and how it behaves."""

    url: str = ""
    multi_user: bool = False
    token: str = ""
    refuse: tuple[int, str] | None = None
    run_state: str = "SUCCEEDED"
    workflow: dict[str, Any] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurring_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: int = 0
    page: int = 100
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        named = json.loads(query["filter"])["predicates"][0]["stringValue"] if "filter" in query else None
        match (method, path.strip("/").split("/")[2:]):
            case ("GET", ["healthz"]):
                return {"multi_user": self.multi_user, "pipeline_store": "database"}
            case ("GET", ["pipelines"]):
                return {"pipelines": self._found(self.pipelines, named)}
            case ("POST", ["pipelines"]):
                return self._keep(self.pipelines, "pipeline_id", {"name": body["name"], **body})
            case ("POST", ["pipelines", "upload_version"]):
                return self._upload(query, body)
            case ("GET", ["pipelines", pipeline, "versions"]):
                own = {key: one for key, one in self.versions.items() if one["pipeline_id"] == pipeline}
                return {"pipeline_versions": _ordered(self._found(own, named), query)}
            case ("GET", ["experiments"]):
                return {"experiments": self._found(self.experiments, named)}
            case ("POST", ["experiments"]):
                return self._keep(self.experiments, "experiment_id", body)
            case ("GET", ["runs"]):
                return self._runs(query)
            case ("POST", ["runs"]):
                self._check("run", body)
                return self._keep(self.runs, "run_id", {**body, "state": "PENDING"})
            case ("POST", ["runs", one]) if one.endswith(":terminate"):
                self.runs[one.removesuffix(":terminate")]["state"] = "CANCELING"
                return {}
            case ("GET", ["runs", run]):
                return self._run(run, old="v1beta1" in path)
            case ("GET", ["runs", _, "nodes", pod, "log"]):
                return self.logs[pod]
            case ("GET", ["recurringruns"]):
                return {"recurringRuns": self._found(self.recurring_runs, named)}
            case ("POST", ["recurringruns"]):
                return self._recurring(body)
            case ("GET", ["recurringruns", one]):
                return self.recurring_runs[one]
            case ("DELETE", ["recurringruns", one]):
                return self.recurring_runs.pop(one) and {}
            case ("POST", ["recurringruns", one]):
                identity, _, verb = one.partition(":")
                self.recurring_runs[identity]["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[verb]
                return {}
        raise RefusedError(404, "404 page not found")

    def _found(self, among: dict[str, dict[str, Any]], name: str | None) -> list[dict[str, Any]]:
        return [one for one in among.values() if name in (None, one["display_name"])]

    def _keep(self, among: dict[str, dict[str, Any]], key: str, content: dict[str, Any]) -> dict[str, Any]:
        identity = str(uuid.uuid4())
        now = datetime.now(UTC).isoformat(timespec="seconds")
        among[identity] = {"created_at": now, **content, key: identity}
        return among[identity]

    def _runs(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of runs; a token is the number of those that were given before."""
        wanted = json.loads(query["filter"])["predicates"] if "filter" in query else []
        found = [one for one in self.runs.values() if all(one.get(by["key"]) == by["stringValue"] for by in wanted)]
        start = int(query.get("page_token") or 0)
        end = start + min(self.page, int(query["page_size"]))
        token = str(end) if end < len(found) else ""
        return {"runs": _ordered(found, query)[start:end], "next_page_token": token}

    def _upload(self, query: dict[str, str], body: bytes) -> dict[str, Any]:
        self.uploads += 1
        spec = next(iter(yaml.safe_load_all(body)))
        if query["pipelineid"] not in self.pipelines or "root" not in spec:
            raise RefusedError(400, json.dumps({"error_message": "Failed to create a pipeline version"}))
        if self._found(self.versions, query["display_name"]):
            raise RefusedError(409, json.dumps({"error_message": "Failed to create a pipeline version"}))
        content = {"pipeline_id": query["pipelineid"], "display_name": query["display_name"], "pipeline_spec": spec}
        return self._keep(self.versions, "pipeline_version_id", {**content, "name": query["name"]})

    def _check(self, kind: str, body: dict[str, Any]) -> None:
        unknown = set(body) - _FIELDS[kind]
        if unknown:
            raise RefusedError(400, _status(f'unknown field "{unknown.pop()}"'))
        reference = body["pipeline_version_reference"]
        if body["experiment_id"] not in self.experiments or not body["display_name"]:
            raise RefusedError(400, _status("Experiment or name is missing"))
        spec = self.versions[reference["pipeline_version_id"]]["pipeline_spec"]
        declared = spec["root"]["inputDefinitions"]["parameters"]
        given = body["runtime_config"]["parameters"]
        for name, value in given.items():
            if name not in declared:
                raise RefusedError(400, _status(f"parameter {name} provided is not required by pipeline"))
            kind = declared[name]["parameterType"]
            if not isinstance(value, _KINDS[kind]) or (kind != "BOOLEAN" and isinstance(value, bool)):
                raise RefusedError(400, _status(f"input parameter {name} requires type {kind}"))
        for name, one in declared.items():
            if name not in given and not one.get("isOptional"):
                raise RefusedError(400, _status(f"parameter {name} is not optional, yet has neither default value"))

    def _run(self, run: str, *, old: bool) -> dict[str, Any]:
        if old:
            return {"run": {}, "pipeline_runtime": {"workflow_manifest": json.dumps(self.workflow)}}
        asked = self.runs[run]
        asked["asked"] = asked.get("asked", 0) + 1
        state = self.run_state if asked["asked"] > 1 else "RUNNING"
        return {"run_id": run, "display_name": asked["display_name"], "state": state}

    def _recurring(self, body: dict[str, Any]) -> dict[str, Any]:
        self._check("recurring run", body)
        (schedule,) = body["trigger"].values()
        if not (re.fullmatch(r"[1-9]|10", str(body["max_concurrency"]))):
            raise RefusedError(400, _status("The max concurrency of the recurring run is out of range"))
        if len(schedule.get("cron", "* * * * * *").split()) not in (5, 6):
            raise RefusedError(400, _status("Expected 5 to 6 fields"))
        content = {**body, "status": "ENABLED", "created_at": "2026-11-21T00:00:00Z"}
        # The server leaves out what is empty.
        if not body["runtime_config"]["parameters"]:
            del content["runtime_config"]
        return self._keep(self.recurring_runs, "recurring_run_id", content)


def _ordered(found: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    newest_first = query.get("sort_by") == "created_at desc"
    return sorted(found, key=lambda one: str(one.get("created_at", "")), reverse=newest_first)


def _status(text: str) -> str:
    return json.dumps({"code": 3, "message": f"Failed to create it: Validate request failed: {text}", "details": []})


def _file(content_type: str, body: bytes) -> bytes:
    message = email.parser.BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    (part,) = message.get_payload()
    assert part.get_param("name", header="content-disposition") == "uploadfile"
    return part.get_payload(decode=True)


@contextmanager
def serving() -> Iterator[Kubeflow]:
    """A server on loopback until the block ends."""
    kubeflow = Kubeflow()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def handle_any(self) -> None:
            address = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = self.headers.get("Content-Type", "")
            status, text = 200, ""
            try:
                if kubeflow.token and self.headers.get("authorization") != f"Bearer {kubeflow.token}":
                    raise RefusedError(401, _status("Request header error: there is no user identity header"))
                if kubeflow.refuse and not address.path.endswith("/healthz"):
                    raise RefusedError(*kubeflow.refuse)
                body = _file(kind, raw) if kind.startswith("multipart/") else json.loads(raw) if raw else None
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                with kubeflow.lock:
                    answer = kubeflow.answer(self.command, address.path, query, body)
                    text = answer if isinstance(answer, str) else json.dumps(answer)
            except RefusedError as refusal:
                status, text = refusal.status, refusal.text
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 (names of http.server)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kubeflow.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kubeflow
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def workflow(phases: dict[str, str], name: str = "count-x7k2p", message: str = "") -> dict[str, Any]:
    """An Argo Workflow as KFP 2.17 leaves it: a driver and an executor for each task, every template retried.

    Args:
        phases: phase of the executor of each task.
        name: of the Workflow.
        message: what Argo says of each executor.
    """
    nodes: dict[str, Any] = {}

    def add(path: str, kind: str, template: str, phase: str, text: str = "") -> None:
        identity = f"{name}-{len(nodes) + 1}"
        times = {"startedAt": f"2026-11-21T00:00:{len(nodes):02}Z", "finishedAt": f"2026-11-21T00:01:{len(nodes):02}Z"}
        nodes[identity] = {"id": identity, "name": f"{name}{path}", "type": kind, "templateName": template}
        nodes[identity] |= {"phase": phase, "message": text, **times}

    def retried(path: str, kind: str, template: str, phase: str, text: str = "") -> None:
        add(path, "Retry", template, phase)
        add(f"{path}(0)", kind, template, phase, text)

    retried("", "DAG", "entrypoint", "Running")
    retried("(0).root-driver", "Pod", "system-dag-driver", "Succeeded")
    retried("(0).root", "DAG", "root", "Running")
    for task, phase in phases.items():
        path = f"(0).root(0).{task}"
        retried(f"{path}-driver", "Pod", "system-container-driver", "Succeeded")
        retried(path, "DAG", "system-container-executor", "Succeeded" if phase == "Skipped" else phase)
        if phase == "Skipped":
            add(f"{path}(0).executor", "Skipped", "system-container-impl", phase)
        else:
            retried(f"{path}(0).executor", "Pod", "system-container-impl", phase, message)
    return {"metadata": {"name": name}, "status": {"phase": "Running", "nodes": nodes}}
