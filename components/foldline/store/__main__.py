"""`python -m foldline.store rollback|history --store URI --model NAME`."""

import argparse
import sys
from collections.abc import Sequence

from foldline.errors import FoldlineError
from foldline.store import CHAMPION, open_store


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m foldline.store", description="Moves and shows a model's alias.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("rollback", "let the alias name the version before"),
        ("history", "print every move of the alias, the oldest first"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--store", required=True, metavar="URI", help="folder, s3://bucket/prefix or minio://…")
        command.add_argument("--model", required=True, metavar="NAME", help="name of the model in the store")
        command.add_argument("--alias", default=CHAMPION, metavar="NAME", help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    try:
        store = open_store(chosen.store)
        if chosen.command == "rollback":
            before, after = store.rollback(chosen.model, chosen.alias)
            print(f"{chosen.alias} of {chosen.model}: {before} -> {after}")
        else:
            for move in store.history(chosen.model, chosen.alias):
                print(f"{move.moved_at}  {move.action:8}  {move.version}")
    except FoldlineError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
