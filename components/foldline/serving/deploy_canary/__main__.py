"""`python -m foldline.serving.deploy_canary ACTION --model NAME --store URI|--namespace NAME`: steers rollouts."""

import argparse
import sys
import time
from collections.abc import Sequence

from foldline.errors import FoldlineError, ServingError
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.keeping.keeper import Keeper
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.deploy_canary.rollout.word import ABORT, APPROVE, PAUSE, RESUME, Word
from foldline.serving.site.state import default_folder

SHOW = "show"
PURPOSES = {
    SHOW: "print where the rollout stands",
    APPROVE: "let it take the step that waits for approval",
    PAUSE: "let it stay where it is; evidence against the challenger still ends it",
    RESUME: "let it go on",
    ABORT: "take all traffic back to the champion",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m foldline.serving.deploy_canary",
        description="Shows a rollout, and steers it.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in PURPOSES.items():
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--model", required=True, metavar="NAME", help="name of the model in the store")
        place = command.add_mutually_exclusive_group(required=True)
        place.add_argument("--store", metavar="URI", help="of a rollout on this machine: the model store")
        place.add_argument("--namespace", metavar="NAME", help="of a rollout on a cluster: where its objects are")
    chosen = parser.parse_args(arguments)
    try:
        keeper = _keeper(chosen.store, chosen.namespace, chosen.model)
        record = keeper.load()
        if record is None:
            where = f"in namespace {chosen.namespace}" if chosen.namespace else "on this machine"
            raise ServingError(
                f"rollout of model {chosen.model}",
                expected=f"one that began {where}",
                got="none",
                fix="Give model and store, or model and namespace, as the pipeline has them.",
            )
        if chosen.command != SHOW:
            _check(record, chosen.command)
            keeper.say(Word(chosen.command, time.time()))
    except FoldlineError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(chosen.command if chosen.command != SHOW else _shown(record))
    return 0


def _keeper(store: str | None, namespace: str | None, model: str) -> Keeper:
    if store is not None:
        return FileKeeper(default_folder(store, model))
    # The Kubernetes client takes half a second to import.
    from foldline.cluster import connect
    from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper

    return ClusterKeeper(connect(capability="rollouts"), str(namespace), model)


def _check(record: Record, word: str) -> None:
    if record.ended:
        got = f"one that is {record.phase}"
    elif word == APPROVE and not record.asked_at:
        got = "one that waits for no approval"
    else:
        return
    raise ServingError(f"rollout of model {record.model_name}", expected=f"one that can take {word!r}", got=got)


def _shown(record: Record) -> str:
    head = (
        f"{record.model_name}: {record.phase}, {record.percent:g} % to challenger {record.challenger} "
        f"(champion {record.champion or 'none'})"
    )
    lines = [f"  {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(event.at))}  {event.what}" for event in record.events]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    sys.exit(main())
