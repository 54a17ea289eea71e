"""The model server of the kserve package for a SavedModel with raw columns.

    kserve_server.py FOLDER NAME PORT COLUMNS

It runs in an environment of its own, without its logs of requests and latencies, since Foldline's server has none.
COLUMNS is JSON: column, tensor name, tensor dtype and dtype of each. The rows are taken as they are, without a check of
names, types or missing values, which Foldline's server makes.
"""

import json
import logging
import sys
from datetime import UTC, datetime

folder, name, port, columns = sys.argv[1:]
# kserve reads the command line when it is imported.
sys.argv[1:] = ["--http_port", port, "--enable_grpc", "false", "--workers", "1"]

import kserve  # noqa: E402
import tensorflow as tf  # noqa: E402


class Served(kserve.Model):
    """`serving_default` of the SavedModel, called as kserve's documentation calls a model."""

    def load(self) -> bool:
        self.loaded = tf.saved_model.load(folder)
        self.serve = self.loaded.signatures["serving_default"]
        self.columns = json.loads(columns)
        self.ready = True
        return self.ready

    def predict(self, payload: dict, headers: dict | None = None, response_headers: dict | None = None) -> dict:
        tensors = {}
        for column, tensor, kind, dtype in self.columns:
            values = [row[column] for row in payload["instances"]]
            if dtype == "timestamp":
                moments = [datetime.fromisoformat(value).replace(tzinfo=UTC) for value in values]
                values = [int(moment.timestamp()) * 1_000_000 for moment in moments]
            tensors[tensor] = tf.constant(values, kind)
        return {"predictions": self.serve(**tensors)["predictions"].numpy()[:, 0].tolist()}


model = Served(name)
model.load()
server = kserve.ModelServer(enable_latency_logging=False)
for log in ("uvicorn.access", "kserve.trace"):
    logging.getLogger(log).handlers.clear()
    logging.getLogger(log).propagate = False
server.start([model])
