"""The gates of a policy: which signals are watched, and what each must show. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from foldline import document
from foldline.errors import ArgumentError

SIGNALS = ("errors", "latency", "invalid", "refused", "drift", "disagreement")
# The margin is a ratio of rates, the tolerance and the objective are rates.
_KEYS = {
    "errors": ("margin", "tolerance", "objective"),
    "latency": ("slower_than_ms", "champion_quantile", "margin", "tolerance", "objective"),
    "invalid": ("margin", "tolerance", "objective"),
    "refused": ("margin", "tolerance", "objective"),
    "drift": ("margin", "required"),
    "disagreement": ("tolerance", "apart", "apart_of_spread"),
}
# The champion's predictions are cut into so many parts, each of which may get too many of the challenger's.
PARTS = 5
_RATE: dict[str, float] = {"above": 0, "below": 1}
_LIMITS: dict[str, dict[str, float]] = {
    "margin": {"above": 1},
    "slower_than_ms": {"above": 0},
    "apart": {"above": 0},
    "apart_of_spread": {"above": 0},
}


@dataclass(frozen=True)
class Gate:
    """One signal and what it must show.

    Attributes:
        signal: one of SIGNALS.
        margin: the challenger's rate of events must be shown to be below this multiple of the champion's; for drift,
            also above the champion's divided by it. None for disagreement.
        tolerance: or the challenger's own rate must be shown to be below this; None where only the margin counts.
        objective: a rate that neither arm may exceed; None where there is none.
        slower_than_ms, champion_quantile: which answers are slow; of latency, exactly one of the two.
        required: whether promotion waits for the gate; drift only reverts unless the policy says so.
        apart, apart_of_spread: of disagreement, exactly one of the two: predictions of a regression differ where they
            are further apart, in the label's units or in standard deviations of the training label.
    """

    signal: str
    margin: float | None = None
    tolerance: float | None = None
    objective: float | None = None
    slower_than_ms: float | None = None
    champion_quantile: float | None = None
    required: bool = True
    apart: float | None = None
    apart_of_spread: float | None = None

    @property
    def name(self) -> str:
        """The signal; of latency with what is slow, since several may be watched."""
        if self.slower_than_ms is not None:
            return f"latency over {self.slower_than_ms:g} ms"
        if self.champion_quantile is not None:
            return f"latency over the champion's quantile {self.champion_quantile:g}"
        return self.signal

    @property
    def reverts(self) -> int:
        """Number of tests of this gate that can end the rollout; each has its part of alpha."""
        if self.signal == "disagreement":
            return 0
        return (PARTS if self.signal == "drift" else 1) + (self.objective is not None)

    def to_json(self) -> dict[str, Any]:
        """The entry of the policy document, with what it left out."""
        return {key: value for key, value in asdict(self).items() if key in ("signal", *_KEYS[self.signal])}


def parse_gates(given: Any) -> tuple[Gate, ...]:
    """The gates that the list `given` states. Raises ArgumentError."""
    gates = tuple(_gate(what, entry) for what, entry in document.entries("policy.gates", given))
    names = [gate.name for gate in gates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArgumentError("policy.gates", expected="each gate once", got=f"{twice[0]!r} more than once")
    return gates


def _gate(what: str, entry: dict[str, Any]) -> Gate:
    signal = document.choice(f"{what}.signal", entry.get("signal"), SIGNALS)
    keys = _KEYS[signal]
    document.known(what, entry, ("signal", *keys))
    given: dict[str, Any] = {"margin": 2.0} if "margin" in keys else {}
    given |= {"tolerance": 0.005} if signal in ("errors", "invalid", "refused") else {}
    if signal == "latency":
        _check_one(what, entry, "slower_than_ms", "champion_quantile")
        if entry.get("slower_than_ms") is None:
            # What is slow by the champion's quantile is that rare for the champion: so much is tolerable.
            quantile = document.number(
                f"{what}.champion_quantile", entry.get("champion_quantile", 0.95), least=0.5, below=1
            )
            given |= {"champion_quantile": quantile, "tolerance": round(1.0 - quantile, 12)}
    if signal == "disagreement":
        _check_one(what, entry, "apart", "apart_of_spread")
        if entry.get("tolerance") is None:
            raise ArgumentError(
                f"{what}.tolerance", expected="a rate, which disagreement has no default for", got="none"
            )
        given |= {"apart_of_spread": 0.1} if entry.get("apart") is None else {}
    given |= {key: value for key, value in entry.items() if key not in ("signal", "required")}
    numbers = {
        key: None
        if value is None and key != "margin"
        else document.number(f"{what}.{key}", value, **_LIMITS.get(key, _RATE))
        for key, value in given.items()
    }
    required = document.flag(f"{what}.required", entry.get("required", signal != "drift"))
    return Gate(signal=signal, required=required, **numbers)


def _check_one(what: str, entry: dict[str, Any], first: str, second: str) -> None:
    if entry.get(first) is not None and entry.get(second) is not None:
        raise ArgumentError(what, expected=f"one of {first} and {second}", got="both")
