"""A rollout without a split: the challenger is tried beside the champion, then takes its place at once."""

from collections.abc import Callable
from contextlib import nullcontext

from foldline.errors import FoldlineError
from foldline.serving.deploy_canary.backends.backend import Backend, Server


class WrongAnswersError(FoldlineError):
    """A server that does not answer rightly."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("answers", expected="right ones", got=problems[0])
        self.problems = problems


def replace_champion(
    place: Backend, *, is_champion: bool, examine: Callable[[Server, str], list[str]], move_alias: Callable[[], None]
) -> None:
    """Examine the challenger's own server, then the server that users ask, and move the alias when both are right.

    Args:
        is_champion: whether the alias names the challenger already, so that only what users ask is looked at.

    Raises:
        WrongAnswersError: what a server answered wrongly; users are served as before.
        StoreError, ServingError, ClusterError: what broke; users are served as before.
    """

    def check(server: Server, prefix: str) -> None:
        problems = examine(server, prefix)
        if problems:
            raise WrongAnswersError(problems)

    if not is_champion:
        with place.challenger() as server:
            check(server, "")
    with place.champion() or nullcontext() as serving:
        if serving is not None:
            check(serving, "served_")
        move_alias()
