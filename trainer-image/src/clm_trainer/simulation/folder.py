"""Finished versions on disk: a simulation that was cut off goes on where it was."""

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from clm_api.report import MetricsFile
from clm_api.run import RunSpec
from clm_api.timing import slot_of
from clm_trainer.own.package import packages_of
from clm_trainer.simulation.version import PastVersion


def fingerprint(spec: RunSpec, bars_sha256: str, events: pd.DataFrame | None = None) -> str:
    """Return a digest of everything that the results depend on: spec, bars, funding, code."""
    digest = hashlib.sha256(spec.model_dump_json(by_alias=True).encode())
    digest.update(bars_sha256.encode())
    if events is not None:
        digest.update(events.to_csv(index=False).encode())
    for name, own in sorted(packages_of(spec).items()):
        digest.update(f"{name} {own.sha256}".encode())
    package = files("clm_trainer")
    for path in sorted(Path(str(package)).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class VersionFolder:
    """One simulation's folder; another schedule, range or code has another one.

    Parameters
    ----------
    path
        Two files per version: signals as npz, then what is known of it as JSON.
    """

    path: Path

    def has(self, slot: datetime) -> bool:
        """Whether that slot's version is finished."""
        return self._json(slot).exists()

    def save(self, version: PastVersion) -> None:
        """Write a version; its JSON comes last and whole, so half a version is none."""
        self.path.mkdir(parents=True, exist_ok=True)
        signals = io.BytesIO()
        np.savez_compressed(signals, percentiles=version.percentiles, sigma=version.sigma)
        _write(self._npz(version.slot), signals.getvalue())
        metrics = version.metrics
        facts = {
            "slot": version.slot.isoformat(),
            "failure": version.failure,
            "metrics": None if metrics is None else metrics.to_json_dict(),
        }
        _write(self._json(version.slot), json.dumps(facts, indent=1).encode())

    def load(self, slot: datetime) -> PastVersion:
        """Read a finished version."""
        facts = json.loads(self._json(slot).read_bytes())
        metrics = facts["metrics"]
        with np.load(self._npz(slot), allow_pickle=False) as arrays:
            return PastVersion(
                slot=datetime.fromisoformat(facts["slot"]),
                metrics=None if metrics is None else MetricsFile.model_validate(metrics),
                percentiles=arrays["percentiles"],
                sigma=arrays["sigma"],
                failure=facts["failure"],
            )

    def _json(self, slot: datetime) -> Path:
        return self.path / f"{slot_of(slot)}.json"

    def _npz(self, slot: datetime) -> Path:
        return self.path / f"{slot_of(slot)}.npz"


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(f"{path.suffix}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
