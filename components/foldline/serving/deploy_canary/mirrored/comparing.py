"""Asks the model servers of both arms for their last answers, and counts where they differ."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from foldline.errors import FoldlineError
from foldline.serving.deploy_canary.backends.backend import Address, Split
from foldline.serving.deploy_canary.mirrored.pairs import Pairs, Said
from foldline.serving.reading import Reading
from foldline.serving.requests import ask

# A server keeps about 16 pages.
MOST_PAGES = 20


@dataclass(frozen=True)
class _Place:
    """How far a server was read: the process, and the number of its next answer."""

    epoch: str = ""
    next: int = 0


def reads(split: Split, agree: Callable[[Said, Said], bool] | None) -> Callable[[], Reading]:
    """The split's readings, with what the copies of requests say where they are compared."""
    if agree is None:
        return split.read
    comparing = Comparing(split.servers, agree)
    return lambda: comparing.extended(split.read())


class Comparing:
    """Adds to readings what the copies of requests say.

    Args:
        servers: addresses of the champion's and of the challenger's servers, as they are now.
        agree: whether two answers are alike, the champion's first.
    """

    def __init__(
        self, servers: Callable[[], tuple[list[Address], list[Address]]], agree: Callable[[Said, Said], bool]
    ) -> None:
        self._servers, self._pairs = servers, Pairs(agree)
        self._places: dict[Address, _Place] = {}

    def extended(self, reading: Reading) -> Reading:
        """The reading with counts of compared and differing requests since this object was made."""
        try:
            servers = self._servers()
        except FoldlineError as fault:
            return replace(reading, problem="; ".join(filter(None, [reading.problem, str(fault)])))
        problems = [
            problem
            for arm, addresses in enumerate(servers)
            for address in addresses
            if (problem := self._take(arm, address))
        ]
        return replace(
            reading,
            compared=self._pairs.compared,
            disagreeing=self._pairs.disagreeing,
            problem="; ".join(filter(None, [reading.problem, *problems])),
        )

    def _take(self, arm: int, address: Address) -> str:
        """Add what a server has answered since the last time; why that cannot be told, or nothing."""
        place = self._places.get(address, _Place())
        for _ in range(MOST_PAGES):
            answer = ask(*address, "GET", f"/answers?after={place.next}")
            try:
                if answer.status != 200:
                    raise ValueError(f"status {answer.status}: {answer.content}"[:200])
                epoch, following, listed = (answer.content[key] for key in ("epoch", "next", "answers"))
                if epoch != place.epoch and place.next:
                    place = _Place(epoch)
                    continue
                for identity, said in listed:
                    self._pairs.add(arm, identity, said)
            except (KeyError, TypeError, ValueError) as fault:
                return f"the answers of the server at {address[0]}:{address[1]} cannot be compared: {fault}"
            place = self._places[address] = _Place(epoch, following)
            if not listed:
                break
        return ""
