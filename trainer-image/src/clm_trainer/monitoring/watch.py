"""What a replay sees of the champion's market: files and bars in, a finding out."""

import logging

from clm_api.drift import DriftFinding, DriftVerdict, MarketFault
from clm_api.errors import ClmError
from clm_api.monitoring import DriftSpec
from clm_trainer.monitoring.drift import Watched, look
from clm_trainer.monitoring.drift_faults import MOST, faults_of, silent
from clm_trainer.monitoring.drift_reference import read_reference
from clm_trainer.monitoring.stretch import Track

_FAILURES = (
    ArithmeticError,
    AttributeError,
    ClmError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_LOG = logging.getLogger("clm_trainer")


def drift(track: Track, spec: DriftSpec) -> DriftFinding:
    """Return what the newest bars say of the market; never an error.

    A look that can't be done says so as a finding: the figures of the replay stand without it, and
    so do the faults that need no look.
    """
    faults: list[MarketFault] = []
    try:
        faults = _faults(track)
        return look(_watched(track), spec, faults)
    except _FAILURES as error:
        _LOG.exception("the market can't be looked at", extra={"stage": "drift"})
        said = " ".join(str(error).split())[:300]
        text = (
            f"the market can't be compared ({type(error).__name__}: {said}): "
            "train a new version, and look at this Job's log"
        )
        return DriftFinding(
            version=track.version,
            verdict=DriftVerdict.DRIFTED if faults else DriftVerdict.NO_REFERENCE,
            window_bars=spec.window_bars,
            faults=faults,
            message="; ".join([*(one.message for one in faults), text]),
        )


def _faults(track: Track) -> list[MarketFault]:
    every = track.panel if track.every is None else track.every
    silence = silent(track.ends, track.model.timeframe)
    return [*silence, *faults_of(every, track.row(track.first))][:MOST]


def _watched(track: Track) -> Watched:
    return Watched(
        track.version,
        track.panel,
        track.rows,
        track.model.fitted.score(track.rows),
        track.row(track.first),
        read_reference(track.model.reference),
    )
