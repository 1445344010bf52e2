"""Several policies as one model: their percentiles are averaged."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.environments.arrays import Observations
from clm_trainer.environments.market import observed
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.families.base import Dataset
from clm_trainer.families.rl.policy import Activation, Policy
from clm_trainer.panel import Floats

MODEL_FILE = "model.safetensors"
META_FILE = "model.json"


@dataclass(frozen=True, eq=False)
class RlFitted:
    """Policies of several seeds, each with the percentile map of its own scores.

    Parameters
    ----------
    names
        All features of the rows that it was trained on.
    shorts
        Whether a preference is long over short, or long over flat.
    """

    activation: Activation
    policies: tuple[Policy, ...]
    ranks: tuple[PercentileMap, ...]
    names: tuple[str, ...]
    shorts: bool

    def score(self, window: Dataset) -> Floats:
        """Return the mean of the policies' percentiles; NaN where a row is not usable.

        An average of percentiles keeps to the middle: ranked once more on the same tail, as every
        score is, the share of entries is that of a single policy again.
        """
        out = np.full(window.usable.shape, np.nan)
        rows = observed(window)[window.usable]
        if len(rows):
            out[window.usable] = self._percentiles(rows).mean(axis=0)
        return out

    def spread(self, window: Dataset) -> float:
        """Return the mean standard deviation of the policies' percentiles; 0 for a single one."""
        rows = observed(window)[window.usable]
        return float(self._percentiles(rows).std(axis=0).mean()) if len(rows) else 0.0

    def _percentiles(self, rows: Observations) -> Floats:
        """Return each policy's percentiles, shape (policies, rows)."""
        made = [
            ranks.rank(policy.preference(rows, self.shorts))
            for policy, ranks in zip(self.policies, self.ranks, strict=True)
        ]
        return np.stack(made)

    def save(self, folder: Path) -> None:
        """Write arrays as safetensors, and what they mean as JSON."""
        tensors: dict[str, Floats] = {}
        for i, (policy, ranks) in enumerate(zip(self.policies, self.ranks, strict=True)):
            tensors |= policy.tensors(f"seed{i}")
            tensors[f"seed{i}.quantiles"] = ranks.quantiles
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / MODEL_FILE)
        meta = {
            "features": list(self.names),
            "activation": self.activation,
            "shorts": self.shorts,
            "seeds": len(self.policies),
        }
        (folder / META_FILE).write_text(json.dumps(meta))

    def importance(self) -> dict[str, float]:
        """Return nothing: a policy has no gain to share out."""
        return {}


def load(folder: Path, names: tuple[str, ...], activation: Activation) -> RlFitted:
    """Read what ``RlFitted.save`` wrote.

    Raises
    ------
    ClmError
        ArtifactCorrupt: it was trained on other features or by another family, or a file is
        damaged.
    """
    meta = _read_meta(folder / META_FILE)
    if tuple(meta["features"]) != names:
        raise ClmError(Reason.ARTIFACT_CORRUPT, "the model was trained on other features")
    if meta["activation"] != activation:
        raise ClmError(Reason.ARTIFACT_CORRUPT, f"{META_FILE} is of another family")
    try:
        tensors = load_file(folder / MODEL_FILE)
        seeds = range(int(meta["seeds"]))
        policies = tuple(Policy.from_tensors(activation, tensors, f"seed{i}") for i in seeds)
        ranks = tuple(PercentileMap(tensors[f"seed{i}.quantiles"]) for i in seeds)
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        text = f"{MODEL_FILE} can't be read: {error}; fetch it again or train a new version"
        raise ClmError(Reason.ARTIFACT_CORRUPT, text) from error
    return RlFitted(activation, policies, ranks, names, bool(meta["shorts"]))


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(path.read_text())
        missing = {"features", "activation", "shorts", "seeds"} - set(meta)
    except (OSError, ValueError) as error:
        raise ClmError(Reason.ARTIFACT_CORRUPT, f"{path.name} can't be read: {error}") from error
    if missing:
        text = f"{path.name} lacks {', '.join(sorted(missing))}: another trainer wrote it"
        raise ClmError(Reason.ARTIFACT_CORRUPT, text)
    return meta
