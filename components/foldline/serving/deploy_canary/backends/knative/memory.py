"""The name of the champion's revision, remembered beside the rollout's record; KServe's own notes of it move."""

import json

from foldline.cluster import CONFIG_MAPS, Cluster
from foldline.serving.deploy_canary.keeping.cluster import LABELS, object_name

_KEY = "champion-revision"


class Memory:
    """One key of the ConfigMap in which the rollout is remembered.

    Args:
        cluster: its Role is `foldline-rollouts`.
        champion: version whose revision it is.
    """

    def __init__(self, cluster: Cluster, namespace: str, model_name: str, champion: str) -> None:
        self._cluster, self._namespace, self._champion = cluster, namespace, champion
        self._name = object_name(model_name)

    def load(self) -> str:
        """The revision's name; empty where none is remembered of this champion."""
        found = self._cluster.find(CONFIG_MAPS, self._namespace, self._name)
        try:
            content = json.loads(((found or {}).get("data") or {})[_KEY])
            return str(content["revision"]) if content["champion"] == self._champion else ""
        except (KeyError, TypeError, ValueError):
            return ""

    def save(self, revision: str) -> None:
        """Remember the revision, unless it is."""
        if self.load() == revision:
            return
        data = {_KEY: json.dumps({"champion": self._champion, "revision": revision})}
        if self._cluster.find(CONFIG_MAPS, self._namespace, self._name) is not None:
            self._cluster.edit(CONFIG_MAPS, self._namespace, self._name, lambda _: {"data": data})
            return
        body = {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.kind,
            "metadata": {"name": self._name, "namespace": self._namespace, "labels": LABELS},
            "data": data,
        }
        self._cluster.create(CONFIG_MAPS, self._namespace, body)
