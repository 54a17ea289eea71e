"""Rollouts remembered in a ConfigMap of a cluster; the task that acts holds a Lease."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from foldline.cluster import CONFIG_MAPS, LEASES, Cluster, Object, UnansweredError
from foldline.errors import ClusterError, ServingError
from foldline.serving.deploy_canary.keeping import lease as form
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.deploy_canary.rollout.word import Word

POLL_S = 1.0
LABELS = {"app.kubernetes.io/managed-by": "foldline"}
_RECORD, _WORD = "record", "word"


def object_name(model_name: str) -> str:
    """Name of the ConfigMap and of the Lease."""
    return f"foldline-rollout-{model_name}"


class ClusterKeeper:
    """ConfigMap and Lease `foldline-rollout-<model>` in the namespace of the model's InferenceServices.

    A Lease that cannot be renewed for two thirds of its duration counts as lost, so that this task has stopped before
    another one may begin. From then on `check`, and with it each save, raises.

    Args:
        cluster: its Role is `foldline-rollouts`.
        wall, clock: seconds since 1970; seconds that only go on.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        model_name: str,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster, self._namespace, self._name = cluster, namespace, object_name(model_name)
        self._wall, self._clock, self._sleep = wall, clock, sleep
        self._holder = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self._known: str | None = None
        self._asked: str | None = None
        self._loaded = False
        self._lost = ""
        self._kept_at: float | None = None

    @property
    def what(self) -> str:
        """The ConfigMap as messages name it."""
        return f"configmap/{self._name} in namespace {self._namespace}"

    @contextmanager
    def hold(self, wait_s: float) -> Iterator[None]:
        """As the protocol says; takes the Lease of a holder that died when its duration is over.

        Raises:
            ServingError: somebody else holds it.
            ClusterError: the API server refuses something or does not answer.
        """
        self._take(wait_s)
        ended = threading.Event()
        renewal = threading.Thread(target=self._keep, args=[ended], name=f"lease {self._name}", daemon=True)
        renewal.start()
        try:
            yield
        finally:
            ended.set()
            renewal.join()
            self._kept_at = None
            # Who does not hear of it waits for the end of its duration.
            with suppress(ClusterError):
                self._edit_own(form.released)

    def check(self) -> None:
        """Nothing while the Lease is held.

        Raises:
            ClusterError: it is lost; this task must not change anything any more.
        """
        if self._kept_at is not None and self._clock() - self._kept_at > form.LEASE_S * 2 / 3:
            self._lost = self._lost or f"not renewed for {self._clock() - self._kept_at:.0f} s"
        if self._lost:
            raise ClusterError(
                f"lease/{self._name} in namespace {self._namespace}",
                expected=f"held by this task ({self._holder})",
                got=self._lost,
                fix="This task has stopped where it was; the next run goes on from there.",
            )

    def load(self) -> Record | None:
        found = self._cluster.find(CONFIG_MAPS, self._namespace, self._name)
        self._known, self._loaded = _data(found).get(_RECORD), True
        if self._known is None:
            return None
        try:
            content = json.loads(self._known)
        except ValueError:
            content = self._known
        return Record.from_json(content, self.what)

    def save(self, record: Record) -> None:
        self.check()
        text = json.dumps(record.to_json(), separators=(",", ":"))
        # A signal may have broken off the save before, after the API server made it.
        own = (self._known, self._asked, text)
        self._asked = text

        def change(found: Object) -> Object:
            self.check()
            if self._loaded and _data(found).get(_RECORD) not in own:
                raise self._edited("another record, which somebody else wrote meanwhile")
            return {"data": {_RECORD: text}}

        self._write(change, {_RECORD: text}, expected=self._known)
        self._known, self._loaded = text, True

    def word(self) -> Word:
        said = _data(self._cluster.find(CONFIG_MAPS, self._namespace, self._name)).get(_WORD)
        if said is None:
            return Word("", 0.0)
        try:
            content = json.loads(said)
            return Word(str(content["word"]), float(content["at"]))
        except (KeyError, TypeError, ValueError):
            raise ServingError(f"{_WORD} in {self.what}", expected="a word and its time", got=said[:80]) from None

    def say(self, word: Word) -> None:
        text = json.dumps({"word": word.word, "at": word.at})
        self._write(lambda _: {"data": {_WORD: text}}, {_WORD: text}, expected=None)

    def _write(self, change: Callable[[Object], Object], data: dict[str, str], *, expected: str | None) -> None:
        if self._cluster.find(CONFIG_MAPS, self._namespace, self._name) is None:
            if expected is not None:
                raise self._edited("none, which somebody removed meanwhile")
            body = {
                "apiVersion": CONFIG_MAPS.api_version,
                "kind": CONFIG_MAPS.kind,
                "metadata": {"name": self._name, "namespace": self._namespace, "labels": LABELS},
                "data": data,
            }
            self._cluster.create(CONFIG_MAPS, self._namespace, body)
        else:
            self._cluster.edit(CONFIG_MAPS, self._namespace, self._name, change)

    def _edited(self, got: str) -> ServingError:
        return ServingError(
            f"rollout in {self.what}",
            expected="the record that this task wrote",
            got=got,
            fix="Run it again: it goes on from what is remembered.",
        )

    def _take(self, wait_s: float) -> None:
        started = seen_since = self._clock()
        mark = ""
        while True:
            found = self._cluster.find(LEASES, self._namespace, self._name)
            state = form.read(self._made() if found is None else found)
            if state.mark != mark:
                mark, seen_since = state.mark, self._clock()
            if state.is_free(self._wall(), self._clock() - seen_since) and self._took(mark):
                return
            passed = self._clock() - started
            if passed >= wait_s:
                raise ServingError(
                    f"rollout in {self.what}",
                    expected=f"no other one under way, within {wait_s:g} s",
                    got=f"one that is held by {state.holder or 'another task'}, which said so "
                    f"{max(self._wall() - state.renewed_at, 0.0):.0f} s ago",
                    fix="Wait for its end, or end it with `foldline rollout abort`.",
                )
            self._sleep(min(POLL_S, wait_s - passed))

    def _made(self) -> Object:
        try:
            empty = form.build(self._name, self._namespace, LABELS)
            return self._cluster.create(LEASES, self._namespace, empty)
        except ClusterError:
            found = self._cluster.find(LEASES, self._namespace, self._name)
            if found is None:
                raise
            return found

    def _took(self, mark: str) -> bool:
        """Whether the Lease, which is as it was seen, is now this task's."""
        asked = self._clock()

        def change(found: Object) -> Object | None:
            return form.taken(found, self._holder, self._wall()) if form.read(found).mark == mark else None

        found = self._cluster.edit(LEASES, self._namespace, self._name, change)
        if form.read(found).holder != self._holder:
            return False
        self._lost, self._kept_at = "", asked
        return True

    def _keep(self, ended: threading.Event) -> None:
        while not ended.wait(form.LEASE_S / 6) and not self._lost:
            asked = self._clock()
            try:
                if self._edit_own(lambda: form.renewed(self._wall())):
                    self._kept_at = asked
            except UnansweredError:
                # It may be renewed a little later; `check` knows when it is too late.
                continue
            except ClusterError as fault:
                self._lost = str(fault)

    def _edit_own(self, patch: Callable[[], Object]) -> bool:
        """Patch the Lease where this task holds it; whether it does."""

        def change(found: Object) -> Object | None:
            holder = form.read(found).holder
            if holder != self._holder:
                self._lost = f"taken by {holder}" if holder else "given up by somebody else"
                return None
            return patch()

        self._cluster.without_retries().edit(LEASES, self._namespace, self._name, change)
        return not self._lost


def _data(found: Object | None) -> dict[str, str]:
    return dict((found or {}).get("data") or {})
