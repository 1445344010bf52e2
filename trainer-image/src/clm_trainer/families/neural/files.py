"""A neural model's two files: all weights as safetensors, and what they belong to as JSON."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.evaluation.positions import KEPT_QUANTILES, PercentileMap
from clm_trainer.families.neural.networks import Member, Network, calm
from clm_trainer.panel import Floats

WEIGHTS_FILE, META_FILE = "model.safetensors", "model.json"


def write_members(folder: Path, meta: dict[str, Any], members: Iterable[Member]) -> None:
    """Write both files."""
    weights = {
        f"{number}.{name}": tensor.contiguous()
        for number, one in enumerate(members)
        for name, tensor in one.network.state_dict().items()
    }
    save_file(weights, folder / WEIGHTS_FILE)
    quantiles = [one.ranks.quantiles.tolist() for one in members]
    (folder / META_FILE).write_text(json.dumps({**meta, "quantiles": quantiles}))


def read_members(
    folder: Path, meta: dict[str, Any], seeds: int, make: Callable[[], Network]
) -> tuple[Member, ...]:
    """Read both files into new networks.

    Parameters
    ----------
    meta
        What the files must agree with.
    make
        Returns a network of the same shape, whose weights are overwritten.

    Raises
    ------
    ClmError
        ArtifactCorrupt.
    """
    ranks = _ranks(folder / META_FILE, meta, seeds)
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _corrupt(path, f"can't be read: {error}") from error
    with calm():
        networks = [make() for _ in range(seeds)]
    expected = {f"{n}.{key}" for n, one in enumerate(networks) for key in one.state_dict()}
    if set(weights) != expected:
        raise _corrupt(path, f"holds other tensors than {seeds} networks have")
    for number, network in enumerate(networks):
        prefix = f"{number}."
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        try:
            network.load_state_dict(own)
        except RuntimeError as error:
            raise _corrupt(path, f"does not fit the network: {error}") from error
        network.eval()
    return tuple(Member(*pair) for pair in zip(networks, ranks, strict=True))


def _ranks(path: Path, meta: dict[str, Any], seeds: int) -> list[PercentileMap]:
    try:
        stored = json.loads(path.read_text())
        quantiles: Floats = np.array(stored["quantiles"], dtype=np.float64)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _corrupt(path, f"can't be read: {error}") from error
    for key, expected in meta.items():
        if stored.get(key) != expected:
            raise _corrupt(path, f"the model was trained with other {key} than this run's")
    if quantiles.shape != (seeds, KEPT_QUANTILES) or (np.diff(quantiles) < 0).any():
        raise _corrupt(path, f"quantiles are not {seeds} sorted lists of {KEPT_QUANTILES} numbers")
    return [PercentileMap(row) for row in quantiles]


def _corrupt(path: Path, why: str) -> ClmError:
    text = f"{path.name}: {why}; train a new version, or take the file's version from the store"
    return ClmError(Reason.ARTIFACT_CORRUPT, text[:500])
