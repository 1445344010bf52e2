"""Whether a version's Sharpe ratio is more than luck: a condition that never decides by itself."""

from clm_api.reasons import Reason
from clm_api.report import MetricsFile
from clm_api.run import RunTrials

CONFIDENCE = 0.95


def significance(file: MetricsFile, trials: RunTrials) -> tuple[bool | None, Reason, str]:
    """Return whether the deflated Sharpe ratio reaches 95 %, the reason, and the numbers.

    Returns
    -------
    tuple
        None where there is no Sharpe ratio.
    """
    values = file.metrics
    deflated = values.get("deflatedSharpe")
    if deflated is None:
        why = file.undefined.get("deflatedSharpe", "the metric is missing")
        return None, Reason.NO_SHARPE, f"deflatedSharpe is undefined: {why}"
    holds = deflated >= CONFIDENCE
    sign, tries = ("≥" if holds else "<"), f"over {trials.count} trial(s)"
    told = f"deflated Sharpe ratio {deflated:.3f} {sign} {CONFIDENCE} {tries}"
    parts = [told]
    if (psr := values.get("psr")) is not None:
        parts.append(f"PSR {psr:.3f}")
    if (days := values.get("minTrackRecordDays")) is not None:
        parts.append(f"significant after {days:.0f} days of such returns")
    reason = Reason.SIGNIFICANT if holds else Reason.NOT_SIGNIFICANT
    return holds, reason, ", ".join(parts)
