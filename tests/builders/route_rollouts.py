"""Rollouts of small servers behind an HTTPRoute of the test cluster, and what they leave there."""

import io
import json
import os
import re
from collections.abc import Callable
from typing import Any

from builders import models
from builders.rollouts import examining
from builders.route_lab import GATEWAY, PROMETHEUS, READY_S, Lab
from foldline.object_store import client_from_environment
from foldline.serving.deploy_canary.backends.backend import Server
from foldline.serving.deploy_canary.in_cluster import route_place
from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rolling_out import Place, roll_out
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.store import CHAMPION, Store, open_store


class RouteRollouts:
    """The namespace of a lab, a store, and rollouts of models in them.

    Args:
        place: of the backend.
    """

    def __init__(self, lab: Lab, place: Callable[..., Place] = route_place) -> None:
        self.lab, self._place = lab, place
        self.store: Store = open_store(lab.site.store_uri)
        self.lines: list[str] = []
        self._made = 0
        self._event: tuple[str, Callable[[], object]] | None = None

    def version(self, model: str = "late", **faults: float | str) -> str:
        """A version whose server fails as stand_in_server.py says."""
        self._made += 1
        name = f"{model}-{self._made}"
        version = self.store.register(model, models.unloadable(self.lab.site.out / name, name).path)
        bucket, _, folder = self.store.location(model, version).removeprefix("s3://").partition("/")
        text = json.dumps({"version": version, **faults}).encode()
        client_from_environment(f"s3://{bucket}", os.environ).put_object(
            bucket, f"{folder}/model.json", io.BytesIO(text), len(text)
        )
        return version

    def champion(self, model: str = "late") -> str:
        return self.store.alias(model, CHAMPION) or ""

    def at(self, line: str, event: Callable[[], object]) -> None:
        """Let `event` happen when the next rollout says such a line; see builders.rollouts.FIRST_LOOK."""
        self._event = (line, event)

    def roll_out(
        self,
        challenger: str,
        model: str = "late",
        *,
        ready_s: float = READY_S,
        examine: Callable[[Server, str], list[str]] | None = None,
        route: dict[str, Any] | None = None,
        **policy: Any,
    ) -> Record:
        """Roll it out against the champion of the store; `route` has precedence over the lab's own."""
        given = {"gateway": GATEWAY, "prometheus": PROMETHEUS, **(route or {})}
        return roll_out(
            self._place(self.store, model, self.lab.namespace, given, ready_s),
            self.store,
            model,
            challenger=challenger,
            champion=self.champion(model),
            policy=Policy.parse(policy),
            wait_s=60.0,
            examine=examine or examining(ready_s),
            say=self._say,
            note=lambda _: None,
        )

    def remembered(self, model: str = "late") -> Record:
        record = ClusterKeeper(self.lab.rollouts, self.lab.namespace, model).load()
        assert record is not None
        return record

    def serves(self, version: str) -> None:
        """Fail unless the version is the champion everywhere, and alone."""
        name = f"late-{version}"
        served = [one for one in self.lab.site.services() if one.startswith("late-")]
        assert (self.champion(), served) == (version, [name])
        assert self.lab.weights() == {f"{name}-predictor": 10000}

    def _say(self, line: str) -> None:
        self.lines.append(line)
        if self._event is not None and re.fullmatch(self._event[0], line):
            event, self._event = self._event[1], None
            event()
