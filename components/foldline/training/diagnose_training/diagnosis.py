"""What the figures of a diagnosis say, by rules that are stated."""

from dataclasses import dataclass

import numpy as np

from foldline.evaluation.metrics import PrimaryMetric
from foldline.evaluation.resampled import PairedTest, corrected_paired_test
from foldline.report import number
from foldline.training.diagnose_training.batches import Batches, recommended
from foldline.training.diagnose_training.learning_curve import LearningCurve

LEVEL = 0.05
# Of what training gains over a constant prediction, the share that unseen rows do not see.
LARGE_GAP = 0.2
# Of what the model gains over a constant prediction, the share that twice the rows must add to be worth getting.
WORTH = 0.05

NO_SIGNAL, HIGH_VARIANCE = "no signal", "high variance"
PERHAPS_VARIANCE, HIGH_BIAS = "perhaps high variance", "high bias or noise"
MORE_ROWS, ENOUGH_ROWS, UNDECIDED = "more rows help", "enough rows", "undecided"

RULES = (
    "No signal: the error on unseen rows is not below that of a constant prediction beyond chance (corrected paired "
    f"test, {LEVEL:.0%}). High variance: it is above the error on training rows by at least {LARGE_GAP:.0%} of what "
    "the training rows gain over the constant, and beyond chance; perhaps high variance: by as much, but folds differ "
    "too much to tell. High bias or noise: the gap is smaller. More rows help: twice the rows lower the error by at "
    f"least {WORTH:.0%} of what the model gains over the constant, with all of the interval; enough rows: with none of "
    "it; undecided: with some of it."
)


@dataclass(frozen=True)
class Diagnosis:
    """What holds the training back.

    Attributes:
        fit: `no signal`, `high variance`, `perhaps high variance` or `high bias or noise`.
        rows: `more rows help`, `enough rows` or `undecided`.
        constant, seen, unseen: mean error of a constant prediction, on training rows, and on unseen ones.
        signal: test of the constant's error against the model's on unseen rows.
        gap: test of the error on unseen rows against that on training rows.
        gap_share: the gap's share of what the training rows gain over the constant; 1 where they gain nothing.
        gain_share: interval of the share that twice the rows add to what the model gains over the constant.
        batches: the size to take.
        sentences: all that in words.
    """

    fit: str
    rows: str
    constant: float
    seen: float
    unseen: float
    signal: PairedTest
    gap: PairedTest
    gap_share: float
    gain_share: tuple[float, float]
    batches: Batches
    sentences: tuple[str, ...]


def diagnose(curve: LearningCurve, tried: list[Batches], metric: PrimaryMetric, test_ratio: float) -> Diagnosis:
    """Apply the rules.

    Args:
        tried: batches of several sizes, the one as given first.
        test_ratio: scored rows over training rows of a fold.
    """
    scores = (curve.constant, curve.seen, curve.scores[-1])
    constant, seen, unseen = ([own[curve.metric] for own in folds] for folds in scores)
    signal = corrected_paired_test(constant, unseen, test_ratio)
    gap = corrected_paired_test(unseen, seen, test_ratio)
    means = [float(np.mean(own)) for own in (constant, seen, unseen)]
    learnt, gained = means[0] - means[1], means[0] - means[2]
    gap_share = gap.difference / learnt if learnt > 0.0 else 1.0
    law = curve.doubling
    share = (law.lower / gained, law.upper / gained) if gained > 0.0 else (0.0, 0.0)
    if signal.difference <= 0.0 or signal.p_value / 2 >= LEVEL:
        fit = NO_SIGNAL
    elif gap_share >= LARGE_GAP:
        fit = HIGH_VARIANCE if gap.p_value / 2 < LEVEL else PERHAPS_VARIANCE
    else:
        fit = HIGH_BIAS
    rows = MORE_ROWS if share[0] >= WORTH else ENOUGH_ROWS if share[1] < WORTH else UNDECIDED
    best = recommended(tried, metric)
    name = curve.metric
    errors = (
        f"{name} is {means[0]:.4g} for a constant prediction, {means[1]:.4g} on training rows and "
        f"{means[2]:.4g} on unseen rows"
    )
    sentences = [_fit_in_words(fit, errors, gap_share), _rows_in_words(rows, curve, share)]
    if not curve.converged:
        sentences.append("Not converged: the last epoch is the best one. Raise epochs, and diagnose again.")
    sentences.append(_batches_in_words(best, tried, metric))
    return Diagnosis(
        fit=fit,
        rows=rows,
        constant=means[0],
        seen=means[1],
        unseen=means[2],
        signal=signal,
        gap=gap,
        gap_share=gap_share,
        gain_share=share,
        batches=best,
        sentences=tuple(sentences),
    )


def _fit_in_words(fit: str, errors: str, gap_share: float) -> str:
    if fit == NO_SIGNAL:
        return (
            f"No signal: {errors}. Nothing was learnt that holds on unseen rows; try other features, and check that "
            "the label and the features belong together."
        )
    if fit in (HIGH_VARIANCE, PERHAPS_VARIANCE):
        doubt = "" if fit == HIGH_VARIANCE else " (folds differ so much that this may be chance; more folds would tell)"
        return (
            f"{fit.capitalize()}: {errors}. Of what training gains, {gap_share:.0%} does not hold on unseen "
            f"rows{doubt}; try dropout or weight decay, a smaller model, fewer features or coarser categories, or more "
            "rows."
        )
    return (
        f"High bias or noise: {errors}. The model does about as well on rows that it has not seen as on those that it "
        "has: regularisation and more rows of this kind will not change much. Try more features, a wider model or "
        "longer training; where spot_check finds no family that does better, the rest is noise."
    )


def _rows_in_words(rows: str, curve: LearningCurve, share: tuple[float, float]) -> str:
    law = curve.doubling
    gain = (
        f"twice the training rows ({number(round(2 * law.rows))} instead of {number(round(law.rows))}) would lower "
        f"{curve.metric} by {law.gain:.2g} (95 % interval {law.lower:.2g} to {law.upper:.2g}), that is {share[0]:.0%} "
        f"to {share[1]:.0%} of what the model gains over a constant prediction"
    )
    begin = {
        MORE_ROWS: "More rows help",
        ENOUGH_ROWS: "There are enough rows",
        UNDECIDED: "Whether more rows help is not decided",
    }[rows]
    return f"{begin}: {gain}."


def _batches_in_words(best: Batches, tried: list[Batches], metric: PrimaryMetric) -> str:
    given = tried[0]
    if best is given:
        return f"Batches of {given.size} rows are right: none of the other sizes is as good in less time."
    return (
        f"Batches of {best.size} rows instead of {given.size}: {metric.name} {best.mean:.4g} instead of "
        f"{given.mean:.4g}, in {best.seconds:.2g} s an epoch instead of {given.seconds:.2g} s. The learning rate was "
        "the same for all sizes."
    )
