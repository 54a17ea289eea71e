"""How many models one program trains: all at once, or fewer at a time, and why."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import jax

from foldline.errors import ArgumentError, ModelCodeError
from foldline.training.fitting.members import Members

AUTO, STACKED, SEQUENTIAL = "auto", "stacked", "sequential"
MODES = (AUTO, STACKED, SEQUENTIAL)
# Trying the other mode costs a compilation: not worth it for a training that ends sooner than this.
WORTH_TRYING_S = 60.0
# The other mode must be this much faster, or noise decides.
CLEARLY = 0.9
OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"


@dataclass
class Mode:
    """The mode of a training and how it came about.

    Attributes:
        asked: `auto`, `stacked`, `sequential`, or a number of models at once.
        size: models that one program trains.
        reasons: why, in sentences.
    """

    asked: str
    size: int
    reasons: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, asked: str, models: int) -> Self:
        """The mode to begin with for so many models.

        Raises:
            ArgumentError: there is no such mode.
        """
        if asked.isdecimal() and int(asked):
            return cls(asked, min(int(asked), models), [f"{asked} at a time were asked for"])
        if asked not in MODES:
            raise ArgumentError("mode", expected=f"{', '.join(MODES)} or a number of models", got=repr(asked))
        return cls(asked, 1 if asked == SEQUENTIAL else models)

    @property
    def name(self) -> str:
        """`stacked` or `sequential`."""
        return STACKED if self.size > 1 else SEQUENTIAL


def settle(mode: Mode, members: Members, free_bytes: int) -> None:
    """Begin with as many models in one program as memory allows, if they can be stacked; note it in `mode`.

    The memory is that of the compiled program, with its arguments and temporary buffers.

    Args:
        free_bytes: memory that was free before the members were made.

    Raises:
        ModelCodeError: not even one model can be trained.
    """
    mode.size = members.size
    if mode.asked == SEQUENTIAL:
        mode.reasons.append("sequential was asked for")
    elif members.count == 1:
        mode.reasons.append("there is one model")
    while True:
        try:
            needed = members.footprint()
        except Exception as fault:  # A model may fail in any way under a transformation that it does not know.
            if is_out_of_memory(fault) and members.size > 1:
                needed = free_bytes + 1
            elif members.size == 1:
                raise _untrainable(fault) from fault
            else:
                members.regroup(1)
                mode.size = 1
                _check_alone(members)
                mode.reasons.append(f"the model cannot be stacked: {_first_line(fault)}")
                return
        if needed <= free_bytes or members.size == 1:
            break
        half = math.ceil(members.size / 2)
        mode.reasons.append(
            f"{members.size} models need {_size(needed)}, {_size(free_bytes)} are free: {half} at a time"
        )
        members.regroup(half)
        mode.size = members.size
    if mode.size == members.count > 1:
        mode.reasons.append(f"{members.count} models fit: {_size(needed)} of {_size(free_bytes)} free memory")


@dataclass
class Trial:
    """A comparison of both modes within a training: no epoch is trained twice.

    The second epoch that this process trains, which no compilation slows, is timed in groups; one more is trained
    model by model.
    """

    mode: Mode
    say: Callable[[str], None]
    seconds: float = 0.0
    trained: int = 0
    ended: bool = False

    def train(self, members: Members, epoch: int, epochs: int, active: Any) -> Any:
        """`members.train`, in the mode that is faster as far as is known."""
        self.trained += 1
        if self.ended or members.size == 1 or self.trained == 1:
            return members.train(epoch, active)
        if self.trained == 2:
            started = time.monotonic()
            figures = members.train(epoch, active)
            self.seconds = time.monotonic() - started
            if self.seconds * (epochs - epoch) < WORTH_TRYING_S:
                self.ended = True
                self.mode.reasons.append(f"an epoch takes {self.seconds:.2f} s: not long enough to try model by model")
            return figures
        self.ended = True
        return self._try_alone(members, epoch, active)

    def _try_alone(self, members: Members, epoch: int, active: Any) -> Any:
        together = members.size
        members.regroup(1)
        members.footprint()
        started = time.monotonic()
        figures = members.train(epoch, active)
        alone = time.monotonic() - started
        compared = f"an epoch takes {self.seconds:.2f} s with {together} at once and {alone:.2f} s one by one"
        self.mode.reasons.append(compared)
        if alone < CLEARLY * self.seconds:
            self.mode.size = 1
        else:
            members.regroup(together)
        self.say(f"{compared}: {self.mode.name}")
        return figures


def is_out_of_memory(fault: BaseException) -> bool:
    """Whether the device had no memory left."""
    return isinstance(fault, MemoryError) or (
        isinstance(fault, jax.errors.JaxRuntimeError) and OUT_OF_MEMORY in str(fault)
    )


def _check_alone(members: Members) -> None:
    try:
        members.footprint()
    except Exception as fault:
        raise _untrainable(fault) from fault


def _untrainable(fault: Exception) -> Exception:
    if isinstance(fault, ModelCodeError) or is_out_of_memory(fault):
        return fault
    return ModelCodeError(
        "a training step of the model", expected="code that JAX can trace and differentiate", got=_first_line(fault)
    )


def _first_line(fault: Exception) -> str:
    text = str(fault).strip().splitlines()
    return f"{type(fault).__name__}: {text[0] if text else ''}"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
