"""Champions of a replay: trained by `foldline run`, and what is found of the rows after each."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc

from foldline.artifacts import Dataset, Model
from foldline.artifacts.dataset import ROW_ID, row_id_array
from foldline.artifacts.seal import write_json
from foldline.data.detect_drift.judge import judge_series
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.policy import Policy as DriftPolicy
from foldline.data.ingest_dataset.run import run as ingest
from foldline.ending import called
from foldline.errors import ArtifactError, RunError
from foldline.operations.replay.error_series import WeekOfRows, by_week
from foldline.operations.replay.plan import Plan
from foldline.operations.replay.weeks import InForce
from foldline.operations.score_champion.run import filled_in, score
from foldline.operations.trigger_run.reasons import Labelled
from foldline.store import CHAMPION, open_store

TRAINING = "training.json"


class Champions:
    """The champions of a replay, each looked at once.

    Attributes:
        weeks: begin of each week, counted from the last row that the first champion was trained on.
        errors: of each version, every week's; none in weeks before its training ended.
        scored: of each version, the rows since its training.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan, self._say = plan, say
        self._store = open_store(plan.store_uri)
        self._known: dict[str, InForce] = {}
        self.weeks: list[datetime] = []
        self.errors: dict[str, list[WeekOfRows]] = {}
        self.scored: dict[str, Dataset] = {}

    def first(self) -> InForce:
        """Train the first champion and read the rows that come after it."""
        plan = self._plan
        write_json(plan.folder / TRAINING, plan.training)
        self._train(plan.start, "champion")
        self._say(f"reading the rows from {plan.start:%Y-%m-%d} to {plan.end:%Y-%m-%d}")
        watch = plan.watch
        self._rows = ingest(
            watch["dataset_uri"],
            plan.folder / "rows",
            label=watch["label"],
            columns=watch["columns"],
            derived=watch["derived"],
            where=watch["where"],
            time_column=watch["time_column"],
            time_start=plan.start.isoformat(),
            time_end=plan.end.isoformat(),
            key_columns=watch["key_columns"],
            label_required=False,
        )
        version, model = self._champion()
        begin = datetime.fromisoformat(_window(model)["end"]) + timedelta(microseconds=1)
        self.weeks = [begin + number * plan.every for number in range((plan.end - begin) // plan.every)]
        return self._in_force(version, model)

    def after(self, end: datetime) -> InForce:
        """Train on all rows before `end`; the champion after that, which may be the one before."""
        self._train(end, f"retraining-{end:%Y%m%d-%H%M}")
        version, model = self._champion()
        if version in self._known:
            self._say(f"the new model is not better: champion {version} stays")
            return self._known[version]
        return self._in_force(version, model)

    def _train(self, end: datetime, name: str) -> None:
        plan = self._plan
        self._say(f"training on the rows before {end:%Y-%m-%d %H:%M}")
        own = {"time_end": end.isoformat(), "store_uri": plan.store_uri, "model_name": plan.model_name}
        words = [word for key, value in own.items() for word in ("--set", f"{key}={value}")]
        command = [*plan.command, "run", "train_and_serve", "--args", str(plan.folder / TRAINING), *words]
        status = called([*command, "--out", str(plan.folder / name)])
        if status:
            raise RunError(
                f"run {plan.folder / name}",
                expected="a training that succeeds",
                got=f"exit status {status} of foldline run",
                fix="Its own message stands above.",
            )

    def _champion(self) -> tuple[str, Model]:
        version = self._store.alias(self._plan.model_name, CHAMPION)
        if version is None:
            raise RunError(
                f"first champion of model {self._plan.model_name}",
                expected="a model that is better than the dummy baseline",
                got="none",
                fix=f"See the report of compare-models in {self._plan.folder / 'champion'}.",
            )
        return version, Model.read(self._store.fetch(self._plan.model_name, version))

    def _in_force(self, version: str, model: Model) -> InForce:
        plan, folder = self._plan, self._plan.folder / "champions" / version
        if model.reference is None:
            raise ArtifactError(f"model {version}", expected="a reference", got="none", fix="Train it again.")
        reference = filled_in(Dataset.read(model.reference), model, version, folder / "reference")
        newer = _later(self._rows, _window(model)["end"], folder / "rows")
        self._say(f"champion {version} predicts {newer.rows} rows after its training")
        scored, _ = score(newer, reference, model, folder / "scored")
        self._say("looking for drift in them")
        findings = judge_series(
            Observed.of(reference),
            Observed.of(scored),
            every=plan.watch["every"],
            exclude=plan.watch["exclude_columns"],
            policy=DriftPolicy.parse(plan.watch["drift_policy"]),
        )
        self.scored[version], self.errors[version] = scored, by_week(scored, self.weeks, plan.every)
        self._known[version] = InForce(version, findings, _labelled(scored, _window(model)["end"]))
        return self._known[version]


def _window(model: Model) -> dict[str, str]:
    window: dict[str, str] = model.training["window"]
    if not window:
        raise ArtifactError(
            "training window of the champion",
            expected="times of its rows",
            got="none",
            fix="Give time_column among the arguments of the training.",
        )
    return window


def _later(rows: Dataset, than: str, path: Path) -> Dataset:
    table = rows.table()
    time = rows.time_window["column"]
    table = table.filter(pc.greater(table[time], datetime.fromisoformat(than)))
    return Dataset.write(
        path,
        table.drop([ROW_ID]),
        source=rows.source,
        label=rows.label,
        time_column=time,
        key_columns=rows.key_columns,
        row_id=row_id_array(table),
    )


def _labelled(scored: Dataset, trained_until: str) -> Callable[[datetime], Labelled]:
    time, label = scored.time_window["column"], scored.model["label"]
    table = scored.table(list(dict.fromkeys([time, label])))
    times = table[time].filter(table[label].is_valid()).drop_null()
    since = datetime.fromisoformat(trained_until)

    def at(now: datetime) -> Labelled:
        there = times.filter(pc.less(times, now))
        return Labelled(len(there), pc.max(there).as_py(), since)

    return at
