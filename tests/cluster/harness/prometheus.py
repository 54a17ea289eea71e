"""Prometheus beside the API server: it scrapes the gateway, and what the tests name in files."""

import json

from . import places
from .process import kubectl, settle, start

ADDRESS = "127.0.0.1:19090"


def up() -> None:
    """Start it unless it runs."""
    service = json.loads(
        kubectl("get", "service", "envoy-metrics", "--namespace=envoy-gateway-system", "--output=json")
    )
    target = f"{service['spec']['clusterIP']}:19001"
    jobs = [
        {"job_name": "envoy", "metrics_path": "/stats/prometheus", "static_configs": [{"targets": [target]}]},
        {"job_name": "pods", "file_sd_configs": [{"files": [str(places.TARGETS / "*.json")]}]},
    ]
    places.TARGETS.mkdir(parents=True, exist_ok=True)
    file = settle(places.SETTINGS / "prometheus.yaml", {"global": {"scrape_interval": "5s"}, "scrape_configs": jobs})
    start(
        "prometheus",
        places.BIN / "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={places.DATA / 'prometheus'}",
        f"--web.listen-address={ADDRESS}",
    )
