"""What a replay sees of the champion's market: files and bars in, a finding out."""

import logging

from clm_api.drift import DriftFinding, DriftVerdict
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

    A look that can't be done says so as a finding: the figures of the replay stand without it.
    """
    try:
        return _looked(track, spec)
    except _FAILURES as error:
        _LOG.exception("the market can't be looked at", extra={"stage": "drift"})
        said = " ".join(str(error).split())[:300]
        return DriftFinding(
            version=track.version,
            verdict=DriftVerdict.NO_REFERENCE,
            window_bars=spec.window_bars,
            message=f"the market can't be compared ({type(error).__name__}: {said}): "
            "train a new version, and look at this Job's log",
        )


def _looked(track: Track, spec: DriftSpec) -> DriftFinding:
    trained = track.row(track.first)
    every = track.panel if track.every is None else track.every
    faults = [*silent(track.ends, track.model.timeframe), *faults_of(every, trained)]
    watched = Watched(
        track.version,
        track.panel,
        track.rows,
        track.model.fitted.score(track.rows),
        trained,
        read_reference(track.model.reference),
    )
    return look(watched, spec, faults[:MOST])
