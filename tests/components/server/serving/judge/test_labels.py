"""Labels that come after promotion: the model that is wrong more often goes back, and no label is no evidence."""

import json

import numpy as np
import pytest

from foldline.serving.deploy_canary.judge.labels import LabelJudgement, Labelled, Labels

# The split took ten minutes; labels of it and of what follows come in looks.
UNTIL = 600.0
ALPHA = 0.05
# Two gates and the two tests of the labels share alpha.
THRESHOLD = 4 / ALPHA


def judge(*, is_classification: bool = True, kept: dict | None = None) -> Labels:
    return Labels(
        margin=1.2,
        threshold=THRESHOLD,
        is_classification=is_classification,
        split_at=0.0,
        split_until=UNTIL,
        kept=kept,
    )


def batch(random: np.random.Generator, arm: int, rows: int, error: float, since: float, until: float) -> list[Labelled]:
    """Labels of requests of one arm in this time, wrong at this rate."""
    times, wrong = random.uniform(since, until, rows), random.random(rows) < error
    return [Labelled(arm, float(at), float(loss)) for at, loss in zip(times, wrong, strict=True)]


def run(seed: int, champion: float, challenger: float, *, looks: int = 12, rows: int = 150) -> LabelJudgement:
    """Labels of the split, a tenth of them the challenger's, then of the challenger alone; until the judge reverts."""
    random, labels = np.random.default_rng(seed), judge()
    said = LabelJudgement("hold", "")
    for look in range(looks):
        came = batch(random, 1, rows, challenger, UNTIL + 1, 2 * UNTIL)
        if look < looks // 2:
            came = batch(random, 0, rows * 9 // 10, champion, 0.0, UNTIL)
            came += batch(random, 1, rows // 10, challenger, 0.0, UNTIL)
        said = labels.look(came, (look + 1) * rows, str(look), "")
        if said.verdict == "revert":
            break
    return said


def test_an_equal_model_is_reverted_no_more_often_than_the_labels_part_of_alpha() -> None:
    runs = 200
    reverted = sum(run(seed, 0.2, 0.2).verdict == "revert" for seed in range(runs))
    assert reverted / runs <= ALPHA * 2 / 4 + 3 * (0.025 * 0.975 / runs) ** 0.5


@pytest.mark.parametrize(("champion", "challenger"), [(0.1, 0.3), (0.2, 0.5)])
def test_a_model_that_is_wrong_much_more_often_is_found(champion: float, challenger: float) -> None:
    said = [run(seed, champion, challenger) for seed in range(20)]
    assert {one.verdict for one in said} == {"revert"}
    assert said[0].reason.startswith("labels: the promoted model is wrong more often: beside each other ")


def test_a_model_that_turns_bad_after_promotion_is_found() -> None:
    random, labels = np.random.default_rng(1), judge()
    split = batch(random, 0, 900, 0.1, 0.0, UNTIL) + batch(random, 1, 100, 0.1, 0.0, UNTIL)
    assert labels.look(split, 1000, "a", "").verdict == "hold"
    verdicts = [
        labels.look(batch(random, 1, 100, 0.4, UNTIL + 1, 2 * UNTIL), 1100 + 100 * look, "b", "").verdict
        for look in range(5)
    ]
    assert verdicts[0] == "hold", "one look alone never decides"
    assert verdicts[-1] == "revert"


@pytest.mark.parametrize(
    ("came", "problem", "words"),
    [
        ([], "table labels.csv: expected a table, got none so far.", "got none so far"),
        ([], "", "beside each other 0 of 0, champion 0 of 0"),
        ([Labelled(1, 10.0, 0.0)] * 50, "", "beside each other 50 of 50, champion 0 of 0"),
        ([Labelled(1, UNTIL + 10.0, 0.0)] * 50, "", "champion before 0 of 0"),
    ],
)
def test_no_labels_or_those_of_one_arm_alone_are_no_evidence(came: list[Labelled], problem: str, words: str) -> None:
    said = judge().look([Labelled(one.arm, one.at, 1.0) for one in came], 50, "a", problem)
    assert said.verdict == "hold"
    assert said.reason.startswith("labels: no evidence: ")
    assert words in said.reason


def test_the_range_of_a_regression_is_frozen_from_the_champions_first_labels_which_are_not_counted() -> None:
    random, labels = np.random.default_rng(2), judge(is_classification=False)

    def errors(arm: int, scale: float, since: float) -> list[Labelled]:
        return [Labelled(arm, since, abs(float(loss))) for loss in random.normal(0.0, scale, 100)]

    few = labels.look(errors(0, 1.0, 5.0)[:99], 99, "a", "")
    assert "99 of the 100 labels of the champion" in few.reason
    assert labels.rows == 0, "they are told again at the next look"
    assert "beside each other 0 of 0, champion 0 of 0" in labels.look(errors(0, 1.0, 5.0), 200, "b", "").reason
    labels.look(errors(0, 1.0, 5.0), 300, "c", "")
    said = [labels.look(errors(1, 3.0, UNTIL + 5), 400 + look, "d", "") for look in range(6)]
    assert said[-1].verdict == "revert"


def test_what_is_kept_goes_on_exactly() -> None:
    random, labels = np.random.default_rng(3), judge()
    labels.look(batch(random, 0, 90, 0.2, 0.0, UNTIL) + batch(random, 1, 10, 0.2, 0.0, UNTIL), 100, "a", "")
    again = judge(kept=json.loads(json.dumps(labels.to_json())))
    more = batch(random, 1, 100, 0.3, UNTIL + 1, 2 * UNTIL)
    assert again.look(more, 200, "b", "") == labels.look(more, 200, "b", "")
    assert again.to_json() == labels.to_json()
    assert (again.rows, again.digest) == (200, "b")
