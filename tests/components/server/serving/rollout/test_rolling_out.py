"""Whether a rollout is begun at all: what is remembered of an earlier one, and what the store says."""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from builders import models
from foldline.errors import StoreError
from foldline.serving.deploy_canary.backends.backend import Split
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rolling_out import Place, roll_out
from foldline.serving.deploy_canary.rollout.record import PROMOTED, REVERTED, Record, rollout_id
from foldline.store import Store, open_store

POLICY = Policy.parse({})


class BegunError(Exception):
    """Something is served, so a rollout was begun."""


def serving(challenger: str, champion: str) -> AbstractContextManager[Split]:
    raise BegunError(challenger, champion)


class Site:
    """A place, a store with two versions, and what is remembered."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = open_store(str(folder / "models"))
        self.place = Place(FileKeeper(folder / "site"), serving)
        self.old, self.new = (
            self.store.register("late", models.unloadable(folder / name, name).path) for name in ("old", "new")
        )

    def remember(self, phase: str, *, final: bool = True, policy: Policy = POLICY) -> Record:
        identity = rollout_id(self.new, self.old, policy.to_json())
        begun = Record(identity, "late", self.new, self.old, policy.to_json(), started_at=1.0, entered_at=1.0)
        record = replace(begun, phase=phase, final=final, verdict="rollback", reasons=("it was worse",))
        with self.place.keeper.hold(0):
            self.place.keeper.save(record)
        return record

    def champion(self, version: str) -> None:
        self.store.set_alias("late", "champion", version, expected=self.store.alias("late", "champion"))

    def roll_out(self) -> Record:
        versions = {"challenger": self.new, "champion": self.old}
        return roll_out(
            self.place,
            self.store,
            "late",
            policy=POLICY,
            wait_s=1.0,
            examine=lambda *_: [],
            say=print,
            note=lambda _: None,
            **versions,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.champion(made.old)
    return made


@pytest.mark.parametrize("phase", [PROMOTED, REVERTED])
def test_a_rollout_that_is_over_is_not_begun_again(phase: str, site: Site) -> None:
    over = site.remember(phase)
    site.champion(site.new if phase == PROMOTED else site.old)
    assert site.roll_out() == over


def test_a_promotion_that_somebody_took_back_is_not_called_one(site: Site) -> None:
    site.remember(PROMOTED)
    found = site.roll_out()
    assert (found.phase, found.verdict) == (REVERTED, "keep")
    assert found.reasons[0] == f"Version {site.new} was promoted, and somebody went back to {site.old} since."


@pytest.mark.parametrize(
    ("phase", "final", "policy"),
    [(REVERTED, False, {}), (REVERTED, True, {"alpha": 0.1}), (PROMOTED, True, {"alpha": 0.1})],
    ids=["after a fault", "under another policy", "promoted under another policy"],
)
def test_a_rollout_is_begun_anew(phase: str, final: bool, policy: dict[str, float], site: Site) -> None:
    site.remember(phase, final=final, policy=Policy.parse(policy))
    with pytest.raises(BegunError):
        site.roll_out()


def test_a_challenger_that_is_the_champion_already_is_left_so(site: Site) -> None:
    site.champion(site.new)
    assert site.roll_out().phase == PROMOTED


def test_a_champion_that_was_not_compared_is_not_replaced(site: Site, tmp_path: Path) -> None:
    third = site.store.register("late", models.unloadable(tmp_path / "third", "third").path)
    site.champion(third)
    with pytest.raises(StoreError, match=f"expected {site.old}, as when the comparison was made, got {third}"):
        site.roll_out()
