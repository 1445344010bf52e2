"""The bars on which published models decide now, from the store that holds their runs."""

from dataclasses import replace

import pandas as pd

from clm_api.data_spec import Refresh
from clm_api.errors import ClmError, SpecError
from clm_api.layout import RUN_FORM, run_address
from clm_api.reasons import Reason
from clm_api.run import RunData
from clm_trainer.panel import Panel
from clm_trainer.serving.given import require_equal_ends
from clm_trainer.serving.live import Live
from clm_trainer.serving.model import ServedModel
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.stored import bar_keys, stored_ends, unequal_ends
from clm_trainer.storage import Storage


def store_of(uri: str) -> Storage:
    """Open the whole store in which a run lies.

    Raises
    ------
    SpecError
        The address is not that of a run in a store.
    """
    found = run_address(uri)
    if found is None:
        text = f'"{uri}" is not {RUN_FORM}, so the store of its bars is not known'
        raise SpecError("URI", text)
    return Storage(found.root)


def newest_bars(
    model: ServedModel, store: Storage, now: pd.Timestamp, start: pd.Timestamp | None = None
) -> Panel:
    """Return all closed bars since ``start``, else since the first one that it was trained on.

    Raises
    ------
    ClmError
        InsufficientData: stored bars of some symbols end before those of others, and the exchange
        may not be asked. Otherwise as for ``closed_bars``.
    """
    data = model.spec.data
    if data.refresh is Refresh.NEVER:
        require_equal_ends(stored_ends(BarCache(store), bar_keys(data), now))
    panel = closed_bars(data, store, start or model.data_from, now, few=start is not None)[0]
    if data.refresh is Refresh.NEVER:
        require_equal_ends(traded_ends(panel))
    return panel


def newest_live(model: ServedModel, store: Storage, now: pd.Timestamp) -> tuple[Live, str]:
    """Return the model at work after the newest closed bar, and what is to be said of it.

    It goes on from the state that its run stored, with the bars since. Where these bars don't go on
    from that state, or there is none, it begins with all bars, and that is said.

    Raises
    ------
    ClmError
        As for ``newest_bars``.
    """
    why = "its run stored no state"
    if model.stored is not None:
        try:
            live = model.live()
            live.follow(newest_bars(model, store, now, live.kept_from))
        except ClmError as error:
            if error.reason not in {Reason.DATA_INVALID, Reason.ARTIFACT_CORRUPT}:
                raise
            why = error.message
        else:
            return live, ""
    return model.live_on(newest_bars(model, store, now)), f"worked out from all bars: {why}"


def traded_ends(panel: Panel) -> dict[str, pd.Timestamp]:
    """Return the newest bar of each symbol that is no hole: stored bars may be dead ones."""
    newest = len(panel) - 1 - panel.gap[::-1].argmin(axis=0)
    return {name: panel.times[row] for name, row in zip(panel.symbols, newest, strict=True)}


def closed_bars(
    data: RunData, store: Storage, start: pd.Timestamp, now: pd.Timestamp, *, few: bool = False
) -> tuple[Panel, DataReport]:
    """Return the bars of a run's market that have closed by now, and how good they are.

    Parameters
    ----------
    start
        Open time of the first bar.
    few
        As for ``fetch``.

    Raises
    ------
    ClmError
        As for ``fetch``.
    """
    wanted, notes = closed_by(data, store, start, now)
    panel, report = fetch(wanted, store, few=few)
    return panel, replace(report, notes=(*notes, *report.notes))


def closed_by(
    data: RunData, store: Storage, start: pd.Timestamp, now: pd.Timestamp
) -> tuple[RunData, tuple[str, ...]]:
    """Return what to fetch of a run's market: bars that have closed by now.

    If the run's ``refresh`` forbids to ask the exchange, they end with the newest stored one that
    all symbols have, and a note names those that end before others.
    """
    stop = now.tz_convert("UTC").floor(pd.Timedelta(data.timeframe))
    notes: tuple[str, ...] = ()
    if data.refresh is Refresh.NEVER:
        keys = bar_keys(data)
        ends = stored_ends(BarCache(store), keys, stop)
        stop, notes = min(ends.values()) + keys[0].step, unequal_ends(ends)
    begin = start.tz_convert("UTC").to_pydatetime()
    return data.having(from_=begin, to=stop.to_pydatetime()), notes
