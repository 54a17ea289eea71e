"""Answers of two arms to the same requests, paired by the identity of the request. Pure."""

from collections.abc import Callable, Sequence

Said = Sequence[float]
# Of each arm: answers that wait for the other's, and identities that came twice.
MOST_WAITING = 20_000


def same_class(champion: Said, challenger: Said) -> bool:
    """Whether both predict the same class for each row."""
    return list(champion) == list(challenger)


def within(apart: float) -> Callable[[Said, Said], bool]:
    """Whether the values of each row are at most `apart` apart, in the label's units."""

    def agree(champion: Said, challenger: Said) -> bool:
        if len(champion) != len(challenger):
            return False
        return all(abs(one - other) <= apart for one, other in zip(champion, challenger, strict=True))

    return agree


class Pairs:
    """Counts requests that both arms answered, and those whose answers differ.

    Only the champion's requests are copied, and not all of them: what waits too long for the other arm's answer is
    forgotten. An identity that one arm has twice tells nothing any more.

    Attributes:
        compared, disagreeing: counts so far.
    """

    def __init__(self, agree: Callable[[Said, Said], bool], *, most_waiting: int = MOST_WAITING) -> None:
        self._agree, self._most = agree, most_waiting
        self._waiting: tuple[dict[str, Said], dict[str, Said]] = ({}, {})
        self._twice: dict[str, None] = {}
        self.compared, self.disagreeing = 0, 0

    def add(self, arm: int, identity: str, said: Said) -> None:
        """One answer of the champion (0) or the challenger (1)."""
        own, other = self._waiting[arm], self._waiting[1 - arm]
        if identity in self._twice:
            return
        if identity in own:
            del own[identity]
            other.pop(identity, None)
            self._twice[identity] = None
        elif identity in other:
            answers = (said, other.pop(identity)) if arm == 0 else (other.pop(identity), said)
            self.compared += 1
            self.disagreeing += not self._agree(*answers)
        else:
            own[identity] = said
        for kept in (own, self._twice):
            if len(kept) > self._most:
                del kept[next(iter(kept))]
