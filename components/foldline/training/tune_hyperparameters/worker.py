"""A process that trains: requests come as lines of JSON on its standard input, answers go out the same way.

    python -m foldline.training.tune_hyperparameters.worker PROCESSORS

`PROCESSORS` are those that it may run on, as 0,1,2. The first line opens the artifacts; each line after it is a
question or a training. What libraries print goes to standard error. It ends when its standard input does.
"""

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any


def main() -> None:
    """Serve until the other side is gone."""
    # A key press is for the process that searches: it says what becomes of this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(number) for number in sys.argv[1].split(",")})
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    serve = None
    while True:
        request = requests.get()
        if serve is None:
            serve = _opened(request)
            answer = serve if isinstance(serve, dict) else {"opened": True}
        else:
            answer = serve(request)
        print(json.dumps(answer), file=answers, flush=True)
        if isinstance(serve, dict):
            return


def _read(requests: "queue.Queue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    # In the middle of a training too: nobody waits for it.
    os._exit(0)


def _opened(request: dict[str, Any]) -> Any:
    """What answers requests; or, where the artifacts cannot be used, the fault as an answer."""
    from foldline.errors import FoldlineError
    from foldline.training.backend import use_backend

    use_backend("jax", deterministic=request["base"]["fitting"].get("deterministic") is True)
    from foldline.artifacts import Folds
    from foldline.training.search.definition import Definition
    from foldline.training.search.folds import FoldTrainer
    from foldline.training.search.settings import Settings

    try:
        task = Folds.read(Path(request["folds"])).task
        trainer = FoldTrainer.read(
            request["dataset"],
            request["folds"],
            request["transform"],
            Definition.parse(request["definition"], task),
            Settings.from_json(request["base"]),
            request["model"],
            request["model_code"],
            request["seed"],
        )
    except FoldlineError as fault:
        told = {"what": fault.what, "expected": fault.expected, "got": fault.got, "fix": fault.fix}
        return {"fault": {"kind": type(fault).__name__, **told}}

    def serve(asked: dict[str, Any]) -> dict[str, Any]:
        points = [Settings.from_json(point) for point in asked["points"]]
        if asked["do"] == "together":
            return {"groups": trainer.together(points)}
        results = trainer.train(points, asked["fold"], epochs=asked["epochs"])
        return {"results": [result.to_json() for result in results]}

    return serve


if __name__ == "__main__":
    main()
