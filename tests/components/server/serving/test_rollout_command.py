"""The program behind `foldline rollout`: it shows a rollout on this machine and leaves it a word."""

from dataclasses import replace

import pytest

from foldline.serving.deploy_canary.__main__ import main
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.rollout.record import PROMOTED, SHIFTING, Record
from foldline.serving.site.state import default_folder

STORE = ["--store", "s3://bucket/models", "--model", "late"]
BEGUN = Record("0a1b", "late", "new", "old", {}, started_at=1_800_000_000.0, entered_at=1_800_000_000.0)
UNDER_WAY = BEGUN.entering(SHIFTING, 1_800_000_060.0, "step 1 of 2: 10 % to the challenger", percent=10.0)


@pytest.fixture
def keeper() -> FileKeeper:
    folder = default_folder("s3://bucket/models", "late")
    folder.mkdir(parents=True)
    return FileKeeper(folder)


def test_a_rollout_is_shown_with_what_happened(keeper: FileKeeper, capsys: pytest.CaptureFixture[str]) -> None:
    keeper.save(UNDER_WAY)
    assert main(["show", *STORE]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "late: shifting, 10 % to challenger new (champion old)",
        "  2027-01-15 08:01:00  step 1 of 2: 10 % to the challenger",
    ]
    assert keeper.word().word == ""


@pytest.mark.parametrize("word", ["pause", "resume", "abort"])
def test_a_word_is_left_for_the_rollout(word: str, keeper: FileKeeper) -> None:
    keeper.save(UNDER_WAY)
    assert main([word, *STORE]) == 0
    assert keeper.word().word == word
    assert keeper.word().at > 0


@pytest.mark.parametrize(
    ("record", "word", "said"),
    [
        (None, "show", "rollout of model late: expected one that began on this machine, got none"),
        (None, "abort", "expected one that began on this machine"),
        (
            UNDER_WAY.entering(PROMOTED, 2.0, "over"),
            "abort",
            "expected one that can take 'abort', got one that is promoted",
        ),
        (UNDER_WAY, "approve", "expected one that can take 'approve', got one that waits for no approval"),
    ],
)
def test_a_word_that_nobody_waits_for_is_refused(
    record: Record | None, word: str, said: str, keeper: FileKeeper, capsys: pytest.CaptureFixture[str]
) -> None:
    if record is not None:
        keeper.save(record)
    assert main([word, *STORE]) == 1
    assert said in capsys.readouterr().err
    assert keeper.word().word == ""


def test_an_approval_is_left_where_one_is_asked_for(keeper: FileKeeper) -> None:
    keeper.save(replace(UNDER_WAY, asked_at=1_800_000_070.0))
    assert main(["approve", *STORE]) == 0
    assert keeper.word().word == "approve"
