"""What a version's numbers depend on, as digests: where one differs, versions don't mix."""

import hashlib
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd

from clm_api.run import RunSpec
from clm_trainer.own.package import packages_of


@dataclass(frozen=True)
class Fingerprint:
    """Digests of bars, funding (empty where none is charged), spec and code.

    The pod is no part of the spec: where a version is trained makes no difference.
    """

    bars: str
    funding: str
    spec: str
    code: str

    @classmethod
    def of(
        cls, spec: RunSpec, bars_sha256: str, events: pd.DataFrame | None = None
    ) -> "Fingerprint":
        """Return that of a run on some bars with some funding, by the code that is installed."""
        told = spec.model_dump_json(by_alias=True, exclude={"pod"})
        paid = b"" if events is None else events.to_csv(index=False).encode()
        return cls(
            bars=bars_sha256,
            funding="" if events is None else hashlib.sha256(paid).hexdigest(),
            spec=hashlib.sha256(told.encode()).hexdigest(),
            code=_code(spec),
        )

    @property
    def sha256(self) -> str:
        """One digest of all."""
        return hashlib.sha256(repr(asdict(self)).encode()).hexdigest()

    def differing(self, other: "Fingerprint") -> list[str]:
        """Return the names of what differs."""
        ours, theirs = asdict(self), asdict(other)
        return [name for name in ours if ours[name] != theirs[name]]


def _code(spec: RunSpec) -> str:
    digest = hashlib.sha256()
    for name, own in sorted(packages_of(spec).items()):
        digest.update(f"{name} {own.sha256}".encode())
    package = files("clm_trainer")
    for path in sorted(Path(str(package)).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
