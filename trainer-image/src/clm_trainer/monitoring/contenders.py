"""The published versions of a replay: read, compared with their digest, given their bars."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from pydantic import ValidationError

from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.replay import Contender, Problem
from clm_api.report import MetricsFile
from clm_api.run import RunSpec
from clm_trainer.panel import Panel
from clm_trainer.serving.artifact import ADDRESS, read_artifact
from clm_trainer.serving.model import ServedModel, served
from clm_trainer.serving.newest import closed_by
from clm_trainer.sources.asked import Asked, kind_of
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.fetch import fetch
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


class Published(Protocol):
    """What a version's bars follow from."""

    @property
    def spec(self) -> RunSpec:
        """What its run was told."""

    @property
    def data_from(self) -> pd.Timestamp:
        """First bar that it was trained on."""

    @property
    def trained_until(self) -> pd.Timestamp:
        """Newest bar that it was trained on."""


@dataclass(frozen=True)
class Told:
    """The same, of a version whose model nobody loads."""

    spec: RunSpec
    data_from: pd.Timestamp
    trained_until: pd.Timestamp


def told(contender: Contender) -> Told | None:
    """Return what a version's files say of its bars; None where they say nothing.

    Raises
    ------
    ClmError
        StorageDenied, StorageUnavailable.
    """
    try:
        artifact = read_artifact(
            contender.uri, contender.sha256, lambda name: name in {"run.json", "metrics.json"}
        )
        spec = RunSpec.model_validate(artifact.json("run.json")["spec"])
        metrics = MetricsFile.model_validate(artifact.json("metrics.json"))
    except (SpecError, ValidationError, KeyError):
        return None
    except ClmError as error:
        if error.reason is not Reason.ARTIFACT_CORRUPT:
            raise
        return None
    first = pd.Timestamp(artifact.manifest.data.from_)
    return Told(spec, first, pd.Timestamp(metrics.trained_until))


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


def market_of(
    models: Mapping[str, Published],
    store: Storage,
    now: pd.Timestamp,
    asked: Asked | None = None,
) -> Market:
    """Return the bars of all versions; those of equal markets are fetched once.

    Parameters
    ----------
    models
        By the name of the version.
    asked
        Who asks the exchange; without it, this process does.

    Raises
    ------
    ClmError
        As for ``fetch``.
    """
    kinds: dict[str, list[str]] = {}
    for name, model in models.items():
        kinds.setdefault(kind_of(model.spec.data), []).append(name)
    panels, every, notes = dict[str, Panel](), dict[str, Panel](), list[str]()
    ends: dict[str, dict[str, pd.Timestamp]] = {}
    for names in kinds.values():
        some = [models[name] for name in names]
        begin = min(model.data_from for model in some)
        wanted, behind = closed_by(some[0].spec.data, store, begin, now)
        charged = any(model.spec.charges_funding for model in some)
        panel, report = fetch(wanted, store, funding=charged, patient=True, asked=asked)
        settled, late = _settled(panel, max(model.trained_until for model in some))
        notes += [*behind, *report.notes, *late]
        newest = stored_ends(BarCache(store), bar_keys(some[0].spec.data), now)
        for name, model in zip(names, some, strict=True):
            first = int(settled.times.searchsorted(model.data_from))
            panels[name] = settled.window(first, len(settled))
            every[name], ends[name] = panel.window(first, len(panel)), newest
    return Market(panels, every, ends, tuple(dict.fromkeys(notes)))


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
