"""The version in production, read for the comparison on the tear sheet."""

import io
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import ValidationError

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.report import MetricsFile
from clm_trainer.serving.artifact import read_artifact
from clm_trainer.tearsheet import Production

if TYPE_CHECKING:
    from clm_api.replay import Contender

NOBODY = "No version of this schedule was in production when this run began."
_METRICS, _EQUITY = "metrics.json", "equity.parquet"


def in_production(champion: "Contender | None") -> Production | str:
    """Return the version in production, or a sentence that says why there is none to show.

    A run is never failed by another one's files.
    """
    if champion is None:
        return NOBODY
    try:
        return _read(champion)
    except ClmError as error:
        return f"{champion.version} is in production; its files can't be read: {error.message}"


def _read(champion: "Contender") -> Production:
    found = read_artifact(champion.uri, champion.sha256, lambda name: name in (_METRICS, _EQUITY))
    try:
        metrics = MetricsFile.model_validate_json(found.files[_METRICS]).metrics
        equity = pd.read_parquet(
            io.BytesIO(found.files[_EQUITY]), columns=["time", "net_return"]
        ).astype({"net_return": "float64"})
    except (KeyError, ValidationError, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise ClmError(Reason.ARTIFACT_CORRUPT, f"{type(error).__name__}: {said}") from error
    return Production(champion.version, champion.since, metrics, equity)
