"""What a backend can read of a rollout: counters of both arms, as they stand at one moment. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """Counts of values by bin.

    Attributes:
        edges: upper edges of the bins, ascending, finite; a value equal to an edge is in the bin that ends there.
        counts: one more than edges; the last bin has what is above the last edge. Not cumulative.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Number of values."""
        return sum(self.counts)


@dataclass(frozen=True)
class ArmReading:
    """Counters of one arm since they began; what is not measured is None, which is never zero.

    Attributes:
        epoch: changes when the counters begin anew: a process that was started again, a series that came back.
        requests: answered or given up on.
        errors: of these, answers 5xx and time-outs.
        latency_ms: of answered requests; its total may lag behind `requests` by some seconds.
        invalid: answers that hold no usable prediction: NaN, null, wrong shape, out of range.
        predictions: of the first output.
        refused: answers 4xx, which are the client's fault or that of a model with other columns.
    """

    epoch: str
    requests: int
    errors: int
    latency_ms: Histogram | None = None
    invalid: int | None = None
    predictions: Histogram | None = None
    refused: int | None = None


@dataclass(frozen=True)
class Reading:
    """Both arms at one moment.

    Attributes:
        at: seconds since 1970.
        champion, challenger: None where no counters could be read.
        unserved: 5xx answers of the router itself, that no arm gave; None where not measured.
        champion_was_out: whether the champion had no ready server for some of the time since the last reading of both
            arms, so that nobody knows for whose users `unserved` rose.
        compared, disagreeing: mirrored requests whose two answers were compared, and those that differ; None where
            nothing compares them.
        problem: why something is missing, in words; empty where all was read.
    """

    at: float
    champion: ArmReading | None
    challenger: ArmReading | None
    unserved: int | None = None
    champion_was_out: bool = False
    compared: int | None = None
    disagreeing: int | None = None
    problem: str = ""

    @property
    def asked_of_challenger(self) -> int:
        """Requests of the challenger; 0 where its counters could not be read."""
        return self.challenger.requests if self.challenger else 0
