"""The engine that is an Experiment of Katib: made or taken up, read with all that belongs to it, and ended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from foldline.cluster import EVENTS, EXPERIMENTS, PODS, SUGGESTIONS, TRIALS, Cluster, Object
from foldline.errors import ClusterError
from foldline.training.tune_on_katib.engine import Seen, Sight
from foldline.training.tune_on_katib.experiment import DIGEST
from foldline.training.tune_on_katib.reading import (
    OF_EXPERIMENT,
    computes,
    ending,
    speaker,
    trial_pods,
    trials_seen,
)
from foldline.training.tune_on_katib.watchdog import LABEL, label_fix, trouble_of
from foldline.training.tune_on_katib.words import Word

CAPABILITY = "katib"


class Experiment:
    """One Experiment in a namespace.

    Args:
        body: what `experiment` built.
        words: of its parameters.
        patience_s: seconds that the cluster may take to find room for a pod.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, body: Object, words: tuple[Word, ...], patience_s: float,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._cluster, self._namespace, self._body, self._words = cluster, namespace, body, words
        self._patience_s, self._say = patience_s, say
        self._name = str(body["metadata"]["name"])
        self._last_words: dict[str, str] = {}

    @property
    def what(self) -> str:
        return f"experiment/{self._name} in namespace {self._namespace}"

    def start(self) -> float:
        """As the protocol says; the API server, and Katib behind it, first check without making anything.

        Raises:
            ClusterError: there is no Katib, it refuses the Experiment, its webhook is away, or there is one of this
                name that was made for another search.
        """
        found = self._cluster.find(EXPERIMENTS, self._namespace, self._name)
        if found is None:
            checked = self._checked()
            if not checked["spec"]["trialTemplate"].get("successCondition"):
                raise ClusterError(
                    "webhook of Katib",
                    expected="that it completes and checks an Experiment",
                    got="one that came back as it was sent",
                    fix="See MutatingWebhookConfiguration katib.kubeflow.org, and whether katib-controller runs.",
                )
            found = self._made()
            self._say(f"made {self.what}")
        else:
            self._adopt(found)
        began = datetime.fromisoformat(found["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
        return max(0.0, (datetime.now(UTC) - began).total_seconds())

    def look(self) -> Sight:
        of_it = f"{OF_EXPERIMENT}={self._name}"
        cluster, namespace = self._cluster, self._namespace
        experiment = cluster.find(EXPERIMENTS, namespace, self._name)
        if experiment is None or experiment["metadata"].get("deletionTimestamp"):
            raise ClusterError(self.what, expected="that it is there until it ends", got="somebody deleted it")
        trials = cluster.select(TRIALS, namespace, labels=of_it)
        pods = cluster.select(PODS, namespace, labels=of_it)
        ended, failed = ending(experiment)
        seen = tuple(self._with_last_words(one, pods) for one in trials_seen(trials, pods, self._words))
        at_work = [pod for pod in trial_pods(pods) if computes(pod)]
        suggestion = None if ended and not failed else cluster.find(SUGGESTIONS, namespace, self._name)
        trouble = None
        if failed or not (ended or at_work):
            trouble = trouble_of(
                namespace, self._body["spec"]["algorithm"]["algorithmName"], suggestion, experiment, trials, pods,
                self._warnings(), self._patience_s,
            )  # fmt: skip
        over = sum(one.over for one in seen)
        state = f"{len(seen)} trials, {over} over, {len(at_work)} at work, {len(pods)} pods"
        return Sight(seen, ended, failed, len(at_work), trouble, state)

    def end_trials(self) -> None:
        for trial in self._cluster.select(TRIALS, self._namespace, labels=f"{OF_EXPERIMENT}={self._name}"):
            (seen,) = trials_seen([trial], [], self._words)
            if not seen.over:
                self._cluster.delete(TRIALS, self._namespace, seen.name)

    def remove(self) -> None:
        self._cluster.delete(EXPERIMENTS, self._namespace, self._name)

    def _checked(self) -> Object:
        try:
            return self._cluster.create(EXPERIMENTS, self._namespace, self._body, dry_run=True)
        except ClusterError as fault:
            if "lacks label" not in fault.got:
                raise
            raise ClusterError(
                f"namespace {self._namespace}",
                expected=f"the label {LABEL}, without which no trial is heard",
                got=fault.got,
                fix=label_fix(self._namespace),
            ) from fault

    def _made(self) -> Object:
        try:
            return self._cluster.create(EXPERIMENTS, self._namespace, self._body)
        except ClusterError:
            # Another task of the same name may have been quicker.
            found = self._cluster.find(EXPERIMENTS, self._namespace, self._name)
            if found is None:
                raise
            self._adopt(found)
            return found

    def _adopt(self, found: Object) -> None:
        wanted = self._body["metadata"]["annotations"][DIGEST]
        there = (found["metadata"].get("annotations") or {}).get(DIGEST, "none")
        if found["metadata"].get("deletionTimestamp") or there != wanted:
            raise ClusterError(
                self.what,
                expected=f"none, or one of the same search ({wanted})",
                got="one that is being deleted" if there == wanted else f"one of another search ({there})",
                fix=f"Delete it: kubectl delete experiment.kubeflow.org {self._name} -n {self._namespace}",
            )
        self._say(f"going on with {self.what}, which an earlier task made")

    def _with_last_words(self, seen: Seen, pods: list[Object]) -> Seen:
        """A trial that ended badly, with the last line of its log: it may not have come to leave a record."""
        if not seen.failed:
            return seen
        if seen.name not in self._last_words:
            found = speaker(seen.name, pods)
            lines = self._cluster.log(self._namespace, *found) if found else []
            self._last_words[seen.name] = next((line for line in reversed(lines) if line.strip()), "")
        last = self._last_words[seen.name]
        return replace(seen, message=f"{seen.message}; its last words: {last[:300]}") if last else seen

    def _warnings(self) -> list[Object]:
        """Warnings about objects of the search, oldest first."""
        found = self._cluster.select(EVENTS, self._namespace, fields="type=Warning")
        own = [one for one in found if str((one.get("involvedObject") or {}).get("name", "")).startswith(self._name)]
        return sorted(own, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
