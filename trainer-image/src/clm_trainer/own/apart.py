"""Features computed in a process of their own, which remembers nothing of earlier calls."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.features import registry
from clm_trainer.features.combined import WindowedPart, windowed_parts
from clm_trainer.features.windowed import Window
from clm_trainer.panel import Floats

_TOLD = 2000
"""Characters of what a process said before it died."""


class Apart:
    """The other process, as this one sees it."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: IO[bytes]) -> None:
        self._process, self._said = process, said

    def evaluate(self, part: int, window: Window) -> Floats:
        """Return a windowed part's features of a window, shape (bars, symbols, features).

        Raises
        ------
        ClmError
            As for the feature set; TrainingFailed: the process died.
        """
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        asked = {"part": part, "symbols": window.symbols, "columns": [*window.columns]}
        try:
            into.write(json.dumps(asked).encode() + b"\n")
            _send(into, window.times.as_unit("us").asi8)
            _send(into, np.stack([*window.columns.values()]))
            into.flush()
            answer = json.loads(out.readline() or b"null")
        except BrokenPipeError:
            answer = None
        if answer is None:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").strip()[-_TOLD:]
            text = f"the process that computes features again ended: {said or 'without a word'}"
            raise ClmError(Reason.TRAINING_FAILED, text)
        if answer:
            raise ClmError(Reason(answer["reason"]), answer["message"])
        return _received(out, np.float64)


@contextmanager
def apart(run: RunSpec) -> Iterator[Apart]:
    """Start a process that makes the run's feature set anew, and end it."""
    told = run.model_dump_json(by_alias=True, exclude_none=True)
    path = os.pathsep.join(place for place in sys.path if place)
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [sys.executable, "-m", "clm_trainer.own.apart"],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        ) as process,
    ):
        assert process.stdin is not None
        try:
            process.stdin.write(told.encode() + b"\n")
            yield Apart(process, said)
        finally:
            process.kill()


def main() -> None:
    """Answer what is asked on stdin until it ends; what the feature set prints is dropped."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    asked = sys.stdin.buffer
    run = RunSpec.model_validate_json(asked.readline())
    parts: tuple[WindowedPart, ...] = ()
    while line := asked.readline():
        question = json.loads(line)
        window = _window(question, _received(asked, np.int64), _received(asked, np.float64))
        try:
            parts = parts or windowed_parts(registry.create(run))
            values = parts[question["part"]].windowed.evaluate(window)
        except ClmError as error:
            fault = {"reason": error.reason, "message": error.message}
            answers.write(json.dumps(fault).encode() + b"\n")
        else:
            answers.write(b"{}\n")
            _send(answers, values)
        answers.flush()


def _send(into: IO[bytes], values: NDArray[Any]) -> None:
    into.write(json.dumps(values.shape).encode() + b"\n")
    into.write(np.ascontiguousarray(values).data)


def _received(out: IO[bytes], kind: type[Any]) -> NDArray[Any]:
    shape = json.loads(out.readline())
    content = out.read(int(np.prod(shape)) * np.dtype(kind).itemsize)
    return np.frombuffer(content, dtype=kind).reshape(shape)


def _window(question: dict[str, Any], times: NDArray[np.int64], values: Floats) -> Window:
    index = pd.DatetimeIndex(times.astype("datetime64[us]")).tz_localize("UTC")
    columns = dict(zip(question["columns"], values, strict=True))
    return Window(index, tuple(question["symbols"]), columns)


if __name__ == "__main__":
    main()
