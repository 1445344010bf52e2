"""The check of labels in every run: a label that has ended never changes."""

import numpy as np

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.panel import Bools, Floats, Panel
from clm_trainer.targets.base import Labels, Target

CUTS = 24
"""How often the labels are made again: at each hour of the day, if the bars have hours."""
_SHORTER = 0.9
"""Each panel has this share of the bars of the one before: all together cost nine panels."""
_WEEK_DAYS = 7


def require_settled(target: Target, kind: str, panel: Panel, sigma: Floats, labels: Labels) -> None:
    """Compare the labels with those of shorter panels, bit for bit where they have ended.

    Parameters
    ----------
    kind
        Name of the target, for errors.
    labels
        What the target made of all bars.

    Raises
    ------
    ClmError
        MetricsRejected: a label is infinite or ends before its own bar, or changes when bars after
        its end are removed: it looks further ahead than it says.
    """
    _require_sound(kind, panel, labels)
    for cut in cuts(len(panel), panel.bars_per_day):
        known = target.labels(panel.window(0, cut), sigma[:cut])
        _require_sound(kind, panel.window(0, cut), known)
        changed = _changed(labels, known, cut)
        if changed.any():
            row, column = (int(i) for i in np.argwhere(changed)[0])
            end = min(int(labels.ends[row, column]), int(known.ends[row, column]))
            raise _rejected(
                kind,
                f"the label of {panel.symbols[column]} at {panel.times[row]} ends with the bar of "
                f"{panel.times[end]}, but is another one when bars from {panel.times[cut]} on are "
                "removed: it uses bars after its end",
            )


def cuts(bars: int, bars_per_day: float) -> list[int]:
    """Return how many bars each shorter panel has: minutes, hours and days take turns."""
    day = max(1, round(bars_per_day))
    hour = max(1, day // 24)
    found = set()
    for number in range(CUTS):
        wanted = number * day // CUTS + number % hour + number % _WEEK_DAYS * day
        most = int((bars - 1) * _SHORTER**number)
        found.add(most - (most - wanted) % (_WEEK_DAYS * day))
    return sorted(cut for cut in found if cut > 0)


def _changed(labels: Labels, known: Labels, cut: int) -> Bools:
    """Return where labels that end before the cut differ, their ends included.

    What has no label yet may get one that ends later.
    """
    before, ends = labels.values[:cut], labels.ends[:cut]
    ended = (ends < cut) | ((known.ends < cut) & ~np.isnan(known.values))
    same = (before == known.values) | (np.isnan(before) & np.isnan(known.values))
    differ: Bools = ended & ~(same & (ends == known.ends))
    return differ


def _require_sound(kind: str, panel: Panel, labels: Labels) -> None:
    shape = panel.close.shape
    for name, found in (("labels", labels.values), ("ends", labels.ends)):
        if found.shape != shape:
            raise _rejected(kind, f"it has {name} of shape {found.shape}, and the bars {shape}")
    if not np.issubdtype(labels.ends.dtype, np.integer):
        raise _rejected(kind, f"ends are rows, not {labels.ends.dtype}")
    infinite = np.isinf(labels.values)
    early = labels.ends < np.arange(len(panel))[:, None]
    for wrong, why in ((infinite, "is infinite"), (early, "ends before its own bar")):
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            where = f"{panel.symbols[column]} at {panel.times[row]}"
            raise _rejected(kind, f"the label of {where} {why}")


def _rejected(kind: str, why: str) -> ClmError:
    return ClmError(Reason.METRICS_REJECTED, f"spec.target.kind {kind}: {why}")
