"""Whether more inputs are missing, of a wrong type, unseen or out of range than the reference's own periods explain."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foldline.operations.monitor_predictions.findings import INPUTS, Family, Observed, family, newest_with
from foldline.operations.monitor_predictions.inputs.expected import TESTS
from foldline.operations.monitor_predictions.inputs.tally import Tally
from foldline.operations.monitor_predictions.natural import LEAST_NULLS, LEAST_SLICE, Chain, Floats
from foldline.operations.monitor_predictions.policy import Policy

SEED = 0
# A column that no row has, where the reference has it so often that chance would leave it out of all with this
# probability.
IMPOSSIBLE = 1e-6


def judge_inputs(reference: Tally, seen: Tally, how: Chain | None, policy: Policy) -> Family:
    """Judge the newest periods of `seen`.

    Shares are compared on the scale of the arcsine of their root, where the noise of sampling is alike for all of them.
    Periods of the reference are thinned to the rows of the judged one (hypergeometric), so that they are as noisy.

    Args:
        reference: as `of_reference` counts it.
        seen: the same columns.
        how: how periods are compared; None where the reference has too few.
    """
    if not seen.columns:
        return Family.unjudged(INPUTS, "no request has a column of the reference")
    newest = newest_with(seen.rows, policy.minimum_rows, policy.of_periods)
    full = 0 if how is None else int((reference.rows[how.first :] >= policy.minimum_rows).sum())
    if how is None or full < LEAST_NULLS:
        return Family.unjudged(
            INPUTS,
            f"the reference needs {LEAST_NULLS} periods of {policy.minimum_rows} rows with "
            f"{LEAST_SLICE} periods before them, it has {full}",
        )
    if len(newest) < policy.alarms:
        return Family.unjudged(INPUTS, _too_few(seen.rows, policy))
    members = [f"{column}/{test}" for column in seen.columns for test in TESTS]
    random = np.random.default_rng(SEED)
    usual_share = _share(reference.counts[-how.width :].sum(axis=0), reference.rows[-how.width :].sum())
    # What is unseen or out of range is so with regard to the slice: of its own values none is.
    usual_share[:, 2:] = 0.0
    usual = _angle(usual_share).ravel()
    observed = []
    for period in newest:
        rows = int(seen.rows[period])
        share = _share(seen.counts[period], seen.rows[period])
        observed.append(
            Observed(
                number=_angle(share).ravel() - usual,
                value=share.ravel(),
                usual=usual_share.ravel(),
                least=_angle(usual_share + policy.share_floor).ravel() - usual,
                nulls=_nulls(reference, how, rows, policy, random),
                resolution=np.full(len(members), 0.5 / np.sqrt(rows)),
            )
        )
    return family(INPUTS, members, observed, alpha=policy.alpha, alarms=policy.alarms, value_at=_value_at)


def absent_columns(reference: Tally, seen: Tally) -> list[tuple[str, str]]:
    """Columns that no row of the newest period has, or has with the right type, though the reference has them; each
    with `missing` or `wrong type`."""
    if not seen.rows.any():
        return []
    newest = int(np.flatnonzero(seen.rows)[-1])
    rows = int(seen.rows[newest])
    most_missing = _share(reference.counts[:, :, 0], np.maximum(reference.rows, 1)[:, None]).max(axis=0)
    gone = []
    for index, column in enumerate(seen.columns):
        missing, wrong = (int(count) for count in seen.counts[newest, index, :2])
        if missing + wrong == rows and max(most_missing[index], 0.5) ** rows <= IMPOSSIBLE:
            gone.append((column, TESTS[1] if wrong else TESTS[0]))
    return gone


def _nulls(reference: Tally, how: Chain, rows: int, policy: Policy, random: np.random.Generator) -> Floats:
    """Numbers of the reference's periods that have enough rows; shape (n_periods, n_members)."""
    own = reference.rows[how.first :]
    counts = reference.counts[how.first :]
    drawn = np.minimum(own, rows)
    thinned = random.hypergeometric(counts, own[:, None, None] - counts, drawn[:, None, None])
    numbers = _angle(_share(thinned, np.maximum(drawn, 1)[:, None, None]))
    for place, period in enumerate(range(how.first, how.periods)):
        before = how.slice_before(period)
        total = max(int(reference.rows[before].sum()), 1)
        numbers[place, :, :2] -= _angle(_share(reference.counts[before, :, :2].sum(axis=0), total))
    return numbers.reshape(len(numbers), -1)[own >= policy.minimum_rows]


def _value_at(number: Floats, last: Observed) -> Floats:
    value: Floats = np.sin(np.clip(number + _angle(last.usual), 0.0, np.pi / 2)) ** 2
    return np.where(np.isfinite(number), value, np.inf)


def _share(counts: NDArray[np.int64], rows: NDArray[np.int64] | int) -> Floats:
    share: Floats = counts / rows
    return share


def _angle(share: Floats) -> Floats:
    angle: Floats = np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0)))
    return angle


def _too_few(rows: Sequence[int] | NDArray[np.int64], policy: Policy) -> str:
    newest = [int(count) for count in rows[-policy.of_periods - 1 :]]
    return (
        f"{policy.alarms} of the newest periods need {policy.minimum_rows} rows, they have "
        f"{', '.join(map(str, newest)) or 'none'}"
    )
