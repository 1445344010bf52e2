"""How good the bars of a run are, for the manifest and the tear sheet."""

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from clm_api.report import (
    KEPT_ODDITIES,
    HoleData,
    ManifestData,
    RevisionData,
    SourceData,
    SymbolData,
)
from clm_trainer.panel import Floats, Panel
from clm_trainer.sources.gate import Hole
from clm_trainer.sources.revisions import Revision


@dataclass(frozen=True)
class SymbolReport:
    """One symbol's bars."""

    symbol: str
    bars: int
    first: pd.Timestamp
    last: pd.Timestamp
    gaps: tuple[Hole, ...]
    spikes: tuple[pd.Timestamp, ...]
    """Bars that moved far and back at once."""
    cached: int
    """Bars that were in the cache before the run."""
    halts: tuple[Hole, ...] = ()
    """Bars in which nobody traded; they are left out."""
    revisions: tuple[Revision, ...] = ()
    """What was found later of stored bars and funding, which stand."""

    @property
    def missing(self) -> int:
        """Missing bars."""
        return sum(hole.bars for hole in self.gaps)


@dataclass(frozen=True)
class SourceReport:
    """One column that the bars see beside their prices: see ``SourceData``."""

    name: str
    rows: int
    missing: int
    oldest_seconds: int
    sha256: str


@dataclass(frozen=True)
class DataReport:
    """All symbols' bars, the range that was used, and where they came from."""

    from_: pd.Timestamp
    to: pd.Timestamp
    symbols: tuple[SymbolReport, ...]
    requests: int
    sha256: str
    notes: tuple[str, ...] = field(default=())
    sources: tuple[SourceReport, ...] = ()

    @property
    def bars(self) -> int:
        """Bars of all symbols."""
        return sum(s.bars for s in self.symbols)

    @property
    def missing(self) -> int:
        """Missing bars of all symbols."""
        return sum(one.missing for one in self.symbols)

    def for_manifest(self) -> ManifestData:
        """Return what the manifest says of the bars: of many holes the longest, of spikes some."""
        return ManifestData(
            from_=self.from_,
            to=self.to,
            bars=self.bars,
            gaps=self.missing,
            sha256=self.sha256,
            symbols=[
                SymbolData(
                    symbol=one.symbol,
                    first=one.first,
                    last=one.last,
                    bars=one.bars,
                    missing=one.missing,
                    holes=_longest(one.gaps),
                    spikes=list(one.spikes[-KEPT_ODDITIES:]),
                    untraded=sum(halt.bars for halt in one.halts),
                    halts=_longest(one.halts),
                    revised=len({revision.time for revision in one.revisions}),
                    revisions=[
                        RevisionData.model_validate(asdict(revision))
                        for revision in one.revisions[-KEPT_ODDITIES:]
                    ],
                )
                for one in self.symbols
            ],
            sources=[SourceData.model_validate(asdict(one)) for one in self.sources],
            notes=list(self.notes),
        )

    def to_json_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        plain: dict[str, Any] = _plain(asdict(self))
        plain["from"] = plain.pop("from_")
        if not self.sources:
            del plain["sources"]
        return plain


def _longest(holes: tuple[Hole, ...]) -> list[HoleData]:
    longest = sorted(holes, key=lambda hole: -hole.bars)[:KEPT_ODDITIES]
    return [HoleData(start=hole.start, bars=hole.bars) for hole in longest]


def frame_digest(panel: Panel) -> str:
    """Return the sha256 of exactly what is trained on."""
    digest = hashlib.sha256(repr((panel.symbols, str(panel.timeframe))).encode())
    digest.update(panel.times.as_unit("ns").asi8.tobytes())
    for values in (panel.open, panel.high, panel.low, panel.close, panel.volume):
        digest.update(np.ascontiguousarray(values).tobytes())
    for name, values in panel.extra.items():
        digest.update(f"{name}\n{values_digest(values)}".encode())
    return digest.hexdigest()


def values_digest(values: Floats) -> str:
    """Return the sha256 of some values."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
