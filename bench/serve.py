"""The end of the pipe on which a side's interpreter is told what to run.

Imports neither side's libraries: both interpreters load it.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Result = Mapping[str, Any]
Task = Callable[[], Result]
"""What is timed; it returns named arrays."""


def serve(make: Mapping[str, Callable[[], Task]], packages: tuple[str, ...]) -> None:
    """Answer one JSON line per request line until the input ends.

    ``{"task": name, "keep": file}`` runs a task once and answers its seconds; with ``keep`` its
    arrays are stored there afterwards. The first run of a task prepares it, untimed.
    """
    from importlib.metadata import version

    answers, sys.stdout = sys.stdout, sys.stderr  # libraries that print must not answer
    versions = {name: version(name) for name in packages}
    print(json.dumps({"python": sys.version.split()[0], **versions}), file=answers, flush=True)
    ready: dict[str, Task] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["task"]
        if name not in ready:
            ready[name] = make[name]()
        task = ready[name]
        started = time.perf_counter()
        result = task()
        seconds = time.perf_counter() - started
        if request["keep"]:
            np.savez(Path(request["keep"]), **result)
        print(json.dumps({"seconds": seconds}), file=answers, flush=True)
