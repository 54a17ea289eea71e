"""Replay a plan: python -m foldline.operations.replay PLAN.json, which lies in the folder that the results go to."""

import sys
from functools import partial
from pathlib import Path

from foldline.artifacts.seal import write_json
from foldline.disk import room_for
from foldline.errors import ArgumentError, FoldlineError
from foldline.operations.replay.champions import Champions
from foldline.operations.replay.error_series import shown_metrics
from foldline.operations.replay.outcome import Outcome
from foldline.operations.replay.page import headline, replay_page
from foldline.operations.replay.plan import Plan
from foldline.operations.replay.weeks import replay
from foldline.operations.trigger_run.policy import Policy

JSON, PAGE = "watch.json", "watch.html"
INTERRUPTED = 130


def main(plan_file: Path) -> Outcome:
    """Replay the plan, and write what came of it beside it."""
    say = partial(print, flush=True)
    plan = Plan.read(plan_file)
    rules = Policy.parse(plan.watch["trigger_policy"])
    with room_for(plan.folder):
        champions = Champions(plan, say)
        first = champions.first()
        weeks = replay(first, champions.weeks, plan.every, rules, plan.model_name, champions.after, say)
        task = champions.scored[first.version].scored_task
        outcome = Outcome.of(plan.model_name, shown_metrics(task), weeks, champions.errors)
        write_json(plan.folder / JSON, outcome.to_json())
        replay_page(outcome).write(plan.folder / PAGE)
    say(headline(outcome))
    return outcome


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except FoldlineError as fault:
        print(fault, file=sys.stderr)
        sys.exit(2 if isinstance(fault, ArgumentError) else 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
