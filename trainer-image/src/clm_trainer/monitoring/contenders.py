"""The published versions of a replay: read, compared with their digest, given their bars."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.replay import Contender, Problem
from clm_api.run import RunData
from clm_trainer.panel import Panel
from clm_trainer.serving.artifact import ADDRESS, read_artifact
from clm_trainer.serving.model import ServedModel, served
from clm_trainer.serving.newest import closed_bars
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.stored import bar_keys, stored_ends
from clm_trainer.storage import Storage

_ITS_OWN = frozenset({Reason.ARTIFACT_CORRUPT, Reason.SPEC_INVALID})
"""Reasons that are a version's own: its neighbours are replayed."""


@dataclass(frozen=True, eq=False)
class Market:
    """The bars of some versions.

    Parameters
    ----------
    panels
        By the name of the version: from the first bar that it was trained on to the newest closed
        one that all symbols have, at least to ``trained_until``.
    every
        The same, and the newest closed ones that a symbol lacks.
    ends
        The newest stored bar of each symbol: one of them may have become silent.
    notes
        What is to be said of them.
    """

    panels: dict[str, Panel]
    every: dict[str, Panel]
    ends: dict[str, dict[str, pd.Timestamp]]
    notes: tuple[str, ...]


def opened(contender: Contender) -> ServedModel | Problem:
    """Return a version's model, or why there is none.

    Raises
    ------
    ClmError
        StorageDenied, StorageUnavailable: that is no fault of the version.
    """
    try:
        return served(read_artifact(contender.uri, contender.sha256))
    except ClmError as error:
        if isinstance(error, SpecError) and error.field == ADDRESS:
            text = f"{error.message}: the version's files are gone; train a new one"
            error = ClmError(Reason.ARTIFACT_CORRUPT, text)
        if error.reason not in _ITS_OWN:
            raise
        return problem(contender, error)
    except ModuleNotFoundError as error:
        text = f"this image has no {error.name}: run replays in an image with its family"
        return problem(contender, ClmError(Reason.SPEC_INVALID, text))


def problem(contender: Contender, error: ClmError) -> Problem:
    """Return why a version could not be replayed."""
    return Problem(version=contender.version, reason=error.reason, message=error.message)


def market_of(models: dict[str, ServedModel], store: Storage, now: pd.Timestamp) -> Market:
    """Return the bars of all versions; those of equal markets are fetched once.

    Parameters
    ----------
    models
        By the name of the version.

    Raises
    ------
    ClmError
        As for ``closed_bars``.
    """
    kinds: dict[str, list[str]] = {}
    for name, model in models.items():
        kinds.setdefault(_kind(model.spec.data), []).append(name)
    panels, every, notes = dict[str, Panel](), dict[str, Panel](), list[str]()
    ends: dict[str, dict[str, pd.Timestamp]] = {}
    for names in kinds.values():
        some = [models[name] for name in names]
        panel, report = closed_bars(
            some[0].spec.data,
            store,
            min(model.data_from for model in some),
            now,
            funding=any(model.spec.charges_funding for model in some),
            patient=True,
        )
        settled, late = _settled(panel, max(model.trained_until for model in some))
        notes += [*report.notes, *late]
        newest = stored_ends(BarCache(store), bar_keys(some[0].spec.data), now)
        for name, model in zip(names, some, strict=True):
            first = int(settled.times.searchsorted(model.data_from))
            panels[name] = settled.window(first, len(settled))
            every[name], ends[name] = panel.window(first, len(panel)), newest
    return Market(panels, every, ends, tuple(dict.fromkeys(notes)))


def _kind(data: RunData) -> str:
    """Return what decides which bars are fetched, but for their range."""
    names = {"exchange", "sandbox", "market", "symbols", "timeframe", "refresh", "max_gap_bars",
             "on_revision", "columns", "series"}  # fmt: skip
    return data.model_dump_json(include=names)


def _settled(panel: Panel, trained_until: pd.Timestamp) -> tuple[Panel, list[str]]:
    """Leave out the newest bars while a symbol has none: they may still come, and change figures.

    Bars up to ``trained_until`` stay.
    """
    whole = np.flatnonzero(~panel.gap.any(axis=1))
    trained = int(panel.times.searchsorted(trained_until, side="right"))
    stop = max(trained, int(whole[-1]) + 1 if len(whole) else 0)
    if stop >= len(panel):
        return panel, []
    late = [s for s, gap in zip(panel.symbols, panel.gap[stop:].T, strict=True) if gap.any()]
    bars = len(panel) - stop
    text = f"the newest {bars} bar(s) wait for the next replay: {', '.join(late)} has none yet"
    return panel.window(0, stop), [text]
