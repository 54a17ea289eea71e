"""The site of a model on this machine: Envoy, a champion's server behind it, perhaps a challenger's.

Each change is made under the site's lock, and in an order that can be broken off anywhere and made again: what is not
yet in the state carries no traffic and is ended by the next change.
"""

from dataclasses import replace
from pathlib import Path

from foldline.errors import ServingError
from foldline.serving.site import envoy_config, processes
from foldline.serving.site.envoy_config import Shares
from foldline.serving.site.model_server import DRAIN_S, ModelServer, Program
from foldline.serving.site.router import Router
from foldline.serving.site.state import STATE, Arm, State, held, read, write


class Site:
    """What the state in `folder` describes; another process may change it between two calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def state(self) -> State:
        """What the site consists of. Raises ServingError where there is none any more."""
        state = read(self.folder)
        if state is None:
            raise ServingError(f"site {self.folder}", expected="a site that runs", got="none; it was ended")
        return state

    def router(self) -> Router:
        """Its Envoy, which may have ended."""
        return Router(self.folder, self.state().envoy)

    def server(self, arm: Arm) -> ModelServer:
        """The server of an arm."""
        return ModelServer(arm.process, self.folder / f"{arm.name}.log", self.state().model_name)

    def address(self) -> tuple[str, int]:
        """Host and port that users ask."""
        state = self.state()
        return state.host, state.port

    def serve(self, champion: Program | None, timeout_s: float) -> None:
        """Start the champion's server, wait for it, then start Envoy before it.

        Raises:
            ServingError: one of them does not start; the port is taken.
        """
        if champion is not None:
            with held(self.folder):
                arm = self._start(champion)
                write(self.folder, replace(self.state(), champion=arm.name))
            self.server(arm).wait_ready(timeout_s)
        self.revive()

    def revive(self) -> bool:
        """Start Envoy if it does not run; whether that was needed. Raises ServingError where it does not start."""
        with held(self.folder):
            state = self.state()
            if Router(self.folder, state.envoy).runs():
                return False
            self._start_router(self._sweep(state))
            return True

    def start_challenger(self, challenger: Program) -> Arm:
        """Start the challenger's server without traffic; one of this version that runs is taken up."""
        with held(self.folder):
            state = self._sweep(self.state())
            arm = state.arm(state.challenger)
            if arm is not None and arm.version == challenger.version and self.server(arm).runs():
                return arm
            if arm is not None:
                self._become(_without_challenger(state))
            arm = self._start(challenger)
            write(self.folder, replace(self.state(), challenger=arm.name))
            return arm

    def share(self, percent: float, mirror_percent: float) -> None:
        """Give the challenger `percent` of the requests, and copies of `mirror_percent` of the champion's.

        Raises:
            ServingError: the challenger's server is not there or not healthy, or Envoy does not do it; the traffic is
                where it was.
        """
        with held(self.folder):
            state = self.state()
            router, challenger = Router(self.folder, state.envoy), state.arm(state.challenger)
            before = router.shares()
            wanted = replace(state, percent=percent, mirror_percent=mirror_percent)
            if percent or mirror_percent:
                if challenger is None:
                    raise ServingError(f"site {self.folder}", expected="a challenger's server", got="none")
                if not self.server(challenger).runs():
                    raise self.server(challenger).gone()
                router.apply_clusters(self._ports(state), challenger)
            if percent < state.percent:
                # A smaller share is remembered first and a larger one last: a share that is remembered was given.
                write(self.folder, replace(state, percent=percent))
            try:
                router.apply_shares(_shares(wanted), state.request_timeout_s)
            except ServingError:
                if before is not None:
                    router.ask_for(before, state.request_timeout_s)
                write(self.folder, state)
                raise
            write(self.folder, wanted)

    def remove_challenger(self) -> None:
        """All requests to the champion; then the challenger is drained and ended. Also where there is none."""
        with held(self.folder):
            self._become(_without_challenger(self.state()))

    def remove_champion(self) -> None:
        """All requests to the challenger, which is the champion from now on; the earlier one is drained and ended."""
        with held(self.folder):
            state = self.state()
            if state.challenger is not None:
                earlier = state.champion
                state = replace(state, champion=state.challenger, challenger=None, percent=0.0, mirror_percent=0.0)
                state = state.without_arm(earlier) if earlier is not None else state
            self._become(state)

    def end(self) -> None:
        """End Envoy and all servers; requests under way are answered first."""
        with held(self.folder):
            self.clear()

    def clear(self) -> None:
        """The same for a caller that holds the lock; also where nothing runs."""
        state = read(self.folder)
        if state is not None:
            Router(self.folder, state.envoy).end(min(DRAIN_S, state.request_timeout_s))
        self._end_all(keep=())
        for log in self.folder.glob("*.log"):
            log.unlink()
        (self.folder / STATE).unlink(missing_ok=True)

    def _become(self, after: State) -> None:
        """Route as `after` says, drain and end what it does not have, and start an Envoy that ended."""
        before = self.state()
        router = Router(self.folder, before.envoy)
        leaving = tuple(
            name for arm in before.arms.values() if arm.name not in after.arms for name in (arm.name, arm.mirror)
        )
        serves = router.runs()
        if serves:
            router.apply_shares(_shares(after), after.request_timeout_s)
            if leaving:
                router.drain(leaving, after.request_timeout_s + DRAIN_S)
        write(self.folder, after)
        if serves:
            router.apply_clusters(self._ports(after), None)
        after = self._sweep(after)
        if not serves:
            self._start_router(after)

    def _start_router(self, state: State) -> None:
        """Start Envoy; where any port would do, the one that it took is the site's from now on."""
        router = Router.start(self.folder, state, _shares(state), self._ports(state))
        state = replace(state, envoy=router.process)
        write(self.folder, state)
        router.wait_ready()
        write(self.folder, replace(state, port=router.port()))

    def _start(self, program: Program) -> Arm:
        """Start a server and remember it, without a part to play."""
        state = self.state()
        name = f"{program.version}-{state.started + 1}"
        process = processes.start(program.command, folder=self.folder, log=self.folder / f"{name}.log")
        arm = Arm(name, program.version, process)
        write(self.folder, replace(state.with_arm(arm), started=state.started + 1))
        return arm

    def _sweep(self, state: State) -> State:
        """End what runs in this folder and is not in the state, and forget servers without a part."""
        played = {name: arm for name, arm in state.arms.items() if name in (state.champion, state.challenger)}
        keep = [arm.process for arm in played.values()] + ([state.envoy] if state.envoy is not None else [])
        self._end_all(keep=tuple(keep))
        if played != state.arms:
            state = replace(state, arms=played)
            write(self.folder, state)
        return state

    def _end_all(self, keep: tuple[processes.Process, ...]) -> None:
        for process in processes.marked(self.folder):
            if process not in keep:
                processes.end(process, DRAIN_S)

    def _ports(self, state: State) -> dict[Arm, int]:
        ports = {arm: self.server(arm).port for arm in state.arms.values()}
        return {arm: port for arm, port in ports.items() if port}


def _shares(state: State) -> Shares:
    return envoy_config.shares(
        state.arm(state.champion), state.arm(state.challenger), state.percent, state.mirror_percent
    )


def _without_challenger(state: State) -> State:
    if state.challenger is not None:
        state = state.without_arm(state.challenger)
    return replace(state, challenger=None, percent=0.0, mirror_percent=0.0)
