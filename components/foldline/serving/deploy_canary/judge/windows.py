"""What happened between two readings. Pure."""

from dataclasses import dataclass

from foldline.serving.reading import ArmReading, Histogram, Reading


@dataclass(frozen=True)
class ArmWindow:
    """What one arm did in a window; None is not measured, as in ArmReading."""

    requests: int
    errors: int
    latency_ms: Histogram | None
    invalid: int | None
    predictions: Histogram | None
    refused: int | None = None


@dataclass(frozen=True)
class Window:
    """What both arms did between two readings.

    Attributes:
        seconds: that the window took; 0 where time did not go on.
        champion, challenger: None where the window tells nothing of the arm; `problem` says why.
        unserved: None where not measured; `unserved_problem` says why it is not, where it should be.
        compared, disagreeing: None where not measured.
        problem: what cannot be used and why; empty where nothing is amiss.
    """

    seconds: float
    champion: ArmWindow | None
    challenger: ArmWindow | None
    unserved: int | None
    unserved_problem: str
    compared: int | None
    disagreeing: int | None
    problem: str


def between(before: Reading, after: Reading) -> Window:
    """The window from `before` to `after`.

    Counters that began anew (another epoch) count from zero. Counters that fall within one epoch, and more events than
    trials, are nobody's truth: the arm has no window.
    """
    if after.at <= before.at:
        problem = f"the second reading is not later than the first: {after.at:.3f} after {before.at:.3f}"
        return Window(0.0, None, None, None, problem, None, None, problem)
    champion, champion_problem = _arm("champion", before.champion, after.champion, after.problem or before.problem)
    challenger, challenger_problem = _arm(
        "challenger", before.challenger, after.challenger, after.problem or before.problem
    )
    problems = [champion_problem, challenger_problem]
    if champion is not None and challenger is not None:
        problems.append(_still(champion.requests, challenger.requests))
    unserved, unserved_problem = _risen("5xx answers of the router itself", before.unserved, after.unserved)
    if before.champion_was_out or after.champion_was_out:
        # Whom a champion without a ready server could not serve, no fault of the challenger's kept from it.
        unserved_problem = "the champion had no ready server for a while: whom the router could not serve is nobody's"
    compared, compared_problem = _risen("compared requests", before.compared, after.compared)
    disagreeing, disagreeing_problem = _risen("disagreeing requests", before.disagreeing, after.disagreeing)
    problems += [unserved_problem, compared_problem, disagreeing_problem]
    return Window(
        seconds=after.at - before.at,
        champion=champion,
        challenger=challenger,
        unserved=unserved,
        unserved_problem=unserved_problem,
        compared=compared,
        disagreeing=disagreeing,
        problem="; ".join(dict.fromkeys(filter(None, problems))),
    )


def _still(champion: int, challenger: int) -> str:
    if champion == challenger == 0:
        return "neither arm had a request"
    if challenger == 0:
        return f"no requests of the challenger while the champion had {champion}"
    if champion == 0:
        return f"no requests of the champion while the challenger had {challenger}"
    return ""


def _arm(name: str, before: ArmReading | None, after: ArmReading | None, why: str) -> tuple[ArmWindow | None, str]:
    if before is None or after is None:
        return None, f"no counters of the {name}" + (f": {why}" if why else "")
    if before.epoch != after.epoch:
        before = ArmReading(epoch=after.epoch, requests=0, errors=0)
        anew = True
    else:
        anew = False
    counts = [("requests", before.requests, after.requests), ("errors", before.errors, after.errors)]
    for what in ("invalid", "refused"):
        first, last = getattr(before, what), getattr(after, what)
        if last is not None and (anew or first is not None):
            counts.append((what, first or 0, last))
    latency, latency_fell = _histogram(before.latency_ms, after.latency_ms, anew)
    predictions, predictions_fell = _histogram(before.predictions, after.predictions, anew)
    fell = [f"{what} fell from {first} to {last}" for what, first, last in counts if last < first]
    fell += [what for what, has in (("latency_ms fell", latency_fell), ("predictions fell", predictions_fell)) if has]
    if fell:
        return None, f"counters of the {name} are not to be trusted: {fell[0]} without a new epoch"
    risen = {what: last - first for what, first, last in counts}
    for what in ("errors", "invalid", "refused"):
        if risen.get(what, 0) > risen["requests"]:
            return None, f"counters of the {name} do not agree: {risen[what]} {what} in {risen['requests']} requests"
    return (
        ArmWindow(risen["requests"], risen["errors"], latency, risen.get("invalid"), predictions, risen.get("refused")),
        "",
    )


def _histogram(before: Histogram | None, after: Histogram | None, anew: bool) -> tuple[Histogram | None, bool]:
    """The difference, and whether a bin fell; no difference where one is missing or the bins changed."""
    if after is None or anew:
        return after, False
    if before is None or before.edges != after.edges:
        return None, False
    counts = tuple(last - first for first, last in zip(before.counts, after.counts, strict=True))
    if min(counts) < 0:
        return None, True
    return Histogram(after.edges, counts), False


def _risen(what: str, before: int | None, after: int | None) -> tuple[int | None, str]:
    if before is None and after is None:
        return None, ""
    if before is None or after is None:
        return None, f"{what} were not read at both ends"
    if after < before:
        return None, f"{what} fell from {before} to {after}"
    return after - before, ""
