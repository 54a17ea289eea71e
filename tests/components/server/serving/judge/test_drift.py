"""Drift: what a challenger predicts beside what the champion predicts, in the model server's bins."""

import itertools

import numpy as np
import pytest

from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, compare
from foldline.serving.deploy_canary.judge.judge import Judge, Judgement
from foldline.serving.deploy_canary.judge.signals import Reference, count, part, parts
from foldline.serving.deploy_canary.judge.windows import between
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.reading import ArmReading, Histogram, Reading

EDGES = tuple(step / 20 for step in range(1, 21))
QUICK = {"steps": [{"percent": 10, "min_s": 0, "min_requests": 1}]}


def bins(values: np.ndarray) -> tuple[int, ...]:
    """Counts of the bins of EDGES, and of what is above the last one."""
    return (*np.histogram(values, [0.0, *EDGES])[0].tolist(), 0)


def rollout(champion: np.ndarray, challenger: np.ndarray, looks: int, **policy: object) -> list[Judgement]:
    """Judgements of looks at 180 requests of the champion and 20 of the challenger, whose predictions are drawn from
    these values."""
    random = np.random.default_rng(1)
    totals = [np.zeros(21, int), np.zeros(21, int)]
    readings = []
    for look in range(looks + 1):
        arms = []
        for total, values, number in zip(totals, (champion, challenger), (180, 20), strict=True):
            total += np.array(bins(random.choice(values, number))) if look else 0
            arms.append(ArmReading("1", 5000 + number * look, 0, predictions=Histogram(EDGES, tuple(total.tolist()))))
        readings.append(Reading(5.0 * look, *arms, unserved=0))
    judge = Judge(Policy.parse(QUICK | policy))
    return [judge.look(before, after) for before, after in itertools.pairwise(readings)]


LATE = np.random.default_rng(2).beta(2.0, 4.0, 50_000)


@pytest.mark.parametrize(
    ("challenger", "words"),
    [
        (np.full_like(LATE, 0.33), "prediction above 0.2 up to 0.35"),
        (1.0 - LATE, "prediction above 0.55"),
    ],
    ids=["constant", "flipped"],
)
def test_a_challenger_that_says_always_the_same_or_the_opposite_is_reverted_by_default(
    challenger: np.ndarray, words: str
) -> None:
    said = rollout(LATE, challenger, 40)
    reverted = next(look for look, one in enumerate(said) if one.verdict == "revert")
    assert 20 * (reverted + 1) <= 420
    (reason,) = said[reverted].reasons
    assert reason.startswith("drift: the challenger differs: ")
    assert f"({words}), champion " in reason


@pytest.mark.parametrize("by", [0.8, 1.25])
def test_a_challenger_that_is_somewhat_surer_or_less_sure_is_not_reverted(by: float) -> None:
    odds = (LATE / (1.0 - LATE)) ** by
    assert "revert" not in {one.verdict for one in rollout(LATE, odds / (1.0 + odds), 60)}


def test_nothing_is_promoted_while_there_is_evidence_of_drift() -> None:
    gates = [{"signal": "errors", "tolerance": 0.3}, {"signal": "drift"}]
    said = rollout(LATE, np.full_like(LATE, 0.33), 40, gates=gates)
    verdicts = [one.verdict for one in said]
    first = verdicts.index("revert")
    suspected = next(look for look, one in enumerate(said) if one.against >= 3.0)
    assert suspected < first
    assert set(verdicts[suspected:first]) == {"hold"}
    assert said[first - 1].reasons[-1].startswith("drift: not yet: ")


@pytest.mark.parametrize(("required", "verdict"), [(False, "promote"), (True, "hold")])
def test_promotion_waits_for_drift_only_where_the_policy_says_so(required: bool, verdict: str) -> None:
    gates = [{"signal": "invalid", "tolerance": 0.3}, {"signal": "drift", "required": required}]
    judge = Judge(Policy.parse(QUICK | {"gates": gates}))
    readings = [
        Reading(5.0 * look, *(ArmReading("1", 100 * look, 0, invalid=0) for _ in range(2))) for look in range(4)
    ]
    said = [judge.look(before, after) for before, after in itertools.pairwise(readings)][-1]
    assert said.verdict == verdict
    assert "drift: " in said.reasons[-1]
    assert "no evidence in this look: predictions of the champion: not measured" in said.reasons[-1]


def test_the_champions_predictions_are_cut_into_fifths_as_far_as_bins_allow() -> None:
    def reading(at: float, *counts: int) -> Reading:
        made = ArmReading("1", sum(counts), 0, predictions=Histogram((1.0, 2.0, 3.0, 4.0), counts))
        return Reading(at, made, made)

    gate = Policy.parse({"gates": [{"signal": "drift"}]}).gates[0]
    window = between(reading(0.0, 0, 0, 0, 0, 0), reading(1.0, 500, 100, 200, 150, 50))
    _, reference, _ = count(gate, Reference(), window)
    assert reference.cuts == (1.0, 2.0, 3.0)
    assert [part(reference, place) for place in range(4)] == [
        "prediction up to 1",
        "prediction above 1 up to 2",
        "prediction above 2 up to 3",
        "prediction above 3",
    ]
    assert [pair.champion.events for pair in parts(reference, window)] == [500, 100, 200, 200]


def test_an_equal_challenger_is_reverted_by_no_default_gate_more_often_than_alpha() -> None:
    policy = Policy.parse({})
    runs, random = 1000, np.random.default_rng(3)
    reverted = np.zeros(runs, bool)
    # Errors, slow, invalid and refused answers, and the fifths of the champion's predictions.
    rates = {"errors": [0.005], "latency": [0.05], "invalid": [0.001], "refused": [0.02], "drift": [0.2] * 5}
    evidence = {
        gate.signal: Evidence.none(policy.revert_threshold(gate), (runs, len(rates[gate.signal])))
        for gate in policy.gates
    }
    for _ in range(60):
        trials = random.binomial(500, 0.1, runs)
        for gate in policy.gates:
            shares = rates[gate.signal]
            # What is not in a part, or no event, is the last of the draw.
            counts = [
                random.multinomial(number, [*shares, max(1.0 - sum(shares), 0.0)])[:, :-1]
                for number in (trials, 500 - trials)
            ]
            arms = Counts(trials[:, None], counts[0]), Counts(500 - trials[:, None], counts[1])
            null = gate.margin if gate.signal == "drift" else 1.0
            assert null is not None
            independent = gate.signal == "drift"
            evidence[gate.signal] = compare(evidence[gate.signal], *arms, null, independent=independent)
            reverted |= evidence[gate.signal].decides.any(axis=1)
    assert reverted.mean() <= policy.alpha


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_drift_at_its_margin_is_reverted_no_more_often_than_its_part_of_alpha(share: float) -> None:
    runs, random = 2000, np.random.default_rng(4)
    policy = Policy.parse({"gates": [{"signal": "drift"}]})
    evidence, reverted = Evidence.none(policy.revert_threshold(policy.gates[0]), (runs, 5)), np.zeros(runs, bool)
    for _ in range(60):
        trials = random.binomial(200, share, runs)
        counts = [
            random.multinomial(trials, [0.4, 0.15, 0.15, 0.15, 0.15]),
            random.multinomial(200 - trials, [0.2] * 5),
        ]
        arms = Counts(trials[:, None], counts[0]), Counts(200 - trials[:, None], counts[1])
        evidence = compare(evidence, *arms, 2.0, independent=True)
        reverted |= evidence.decides.any(axis=1)
    assert reverted.mean() <= policy.alpha
