"""What a run is made of: bars, the account's fills, funding; all that is asked of an exchange."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from clm_api.layout import RunLayout
from clm_api.run import RunSpec
from clm_trainer.host import Host
from clm_trainer.panel import Panel
from clm_trainer.progress import ProgressReporter
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.funding import funding_events, judged_bars
from clm_trainer.stages.own_trades import OwnTrades, own_trades

_LOG = logging.getLogger("clm_trainer")


@dataclass(frozen=True, eq=False)
class Material:
    """What was fetched.

    Parameters
    ----------
    spec
        What the run is told, with the slippage that its own fills say.
    """

    spec: RunSpec
    panel: Panel
    bars: DataReport
    trades: OwnTrades | None
    events: pd.DataFrame | None


def material(spec: RunSpec, host: Host, tell: Callable[[str], None]) -> Material:
    """Return what a run is made of.

    Parameters
    ----------
    tell
        Hears what is being fetched.

    Raises
    ------
    ClmError
        As for ``fetch``, ``own_trades`` and ``funding_events``. DataUnavailable: a container
        before this one fetched, and others have changed the stored bars since.
    """
    panel, bars = fetch(
        spec.data, host.data, funding=spec.charges_funding, tell=tell, asked=host.asked
    )
    host.asked.same(bars.sha256)
    _LOG.info(_bars(spec, bars), extra={"stage": "fetch"})
    trades = own_trades(spec, panel, host.data, host.asked)
    if trades is not None:
        _LOG.info(trades.note, extra={"stage": "fetch"})
        spec, bars = trades.charged(spec), replace(bars, notes=(*bars.notes, trades.note))
    events = funding_events(spec, judged_bars(panel, spec), host.data)
    if events is not None:
        _LOG.info("%d funding events", len(events), extra={"stage": "fetch"})
    return Material(spec, panel, bars, trades, events)


def fetch_for(spec: RunSpec, layout: RunLayout, attempt: str, host: Host) -> None:
    """Bring all that a run is made of into the store, for a container that may not ask for it.

    Raises
    ------
    ClmError
        As for ``material``.
    """
    if host.store.get(layout.manifest) is not None:
        return
    path = layout.progress(attempt)
    progress = ProgressReporter(host.store.hasty(), path, clock=host.clock, log=_LOG)
    progress("fetch", 0.0)
    material(spec, host, lambda line: progress("fetch", 0.0, line))


def _bars(spec: RunSpec, bars: DataReport) -> str:
    """Say what was fetched at a glance."""
    cached = sum(one.cached for one in bars.symbols)
    symbols, gaps = " ".join(spec.data.symbols), sum(len(one.gaps) for one in bars.symbols)
    return (
        f"{symbols} {spec.data.timeframe} {bars.from_:%Y-%m-%d}..{bars.to:%Y-%m-%d}  "
        f"{bars.bars} bars ({bars.requests} requests, {cached} from cache), {gaps} gaps"
    )
