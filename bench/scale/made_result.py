"""A whole result of a run, of the size of a small boosting run: the manifest is written last."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from bench.scale.world import NAMESPACE, World
from clm_api.layout import RunLayout

_DAYS = [f"2025-12-0{day}T00:00:00Z" for day in range(1, 4)]
_FOLD = {
    "trainFrom": _DAYS[0],
    "trainTo": _DAYS[1],
    "testFrom": _DAYS[1],
    "testTo": _DAYS[2],
    "sharpe": 0.5,
    "trades": 20,
}
_METRICS: dict[str, Any] = {
    "metrics": {
        "sharpe": -0.5,
        "winRate": 0.5,
        "profitFactor": 0.9,
        "maxDrawdown": 0.2,
        "trades": 60,
        "totalReturn": -0.1,
        "psr": 0.3,
        "deflatedSharpe": 0.2,
    },
    "bars": 2000,
    "trainedUntil": _DAYS[0],
}
_LARGE = {
    "report.html": b"h" * 150_000,
    "model.ubj": b"m" * 60_000,
    "predictions.parquet": b"p" * 200_000,
    "trades.parquet": b"t" * 30_000,
}


@dataclass(frozen=True)
class Made:
    """What a result says.

    Parameters
    ----------
    until
        End of its bars.
    metrics
        Laid over those of a version that is rejected.
    large
        Contents of the files that nobody reads.
    """

    until: str = _DAYS[1]
    metrics: dict[str, float] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=lambda: _LARGE)

    def files(self) -> dict[str, bytes]:
        """Contents by name."""
        said = _METRICS | {"metrics": {**_METRICS["metrics"], **self.metrics}}
        folds = [_FOLD | {"fold": number} for number in range(3)]
        texts = {"metrics.json": said, "folds.json": folds}
        return {name: json.dumps(text).encode() for name, text in texts.items()} | self.large


_REJECTED = Made()


def write(world: World, key: str, content: dict[str, Any]) -> None:
    """Write an object of JSON."""
    world.minio.put(NAMESPACE, key, json.dumps(content).encode())


def put(world: World, layout: RunLayout, attempt: str, made: Made = _REJECTED) -> None:
    """Write a run's files and its manifest."""
    files = made.files()
    for name, content in files.items():
        world.minio.put(NAMESPACE, layout.attempt_file(attempt, name), content)
    write(world, layout.manifest, manifest(layout, attempt, files, made.until))


def manifest(
    layout: RunLayout, attempt: str, contents: dict[str, bytes], until: str
) -> dict[str, Any]:
    files = [
        {
            "path": layout.relative_file(attempt, name),
            "size": len(content),
            "format": name.rpartition(".")[2],
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in contents.items()
    ]
    bars = {"from": _DAYS[0], "to": until, "bars": 5000, "gaps": 0, "sha256": "0" * 64}
    return {
        "attempt": attempt,
        "files": files,
        "image": "trainer:none",
        "codeRevision": "0",
        "libraries": {},
        "seed": 7,
        "data": bars,
        "createdAt": _DAYS[2],
    }
