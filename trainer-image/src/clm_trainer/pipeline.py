"""One run from bars to a committed result: fetch, features, train, backtest, report."""

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.attempt import Attempt
from clm_trainer.devices import choose_device
from clm_trainer.families.base import FitContext
from clm_trainer.host import Host
from clm_trainer.memory import give_back
from clm_trainer.outcome import Outcome
from clm_trainer.progress import ProgressReporter
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.develop import develop
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.funding import funding_events, judged_bars
from clm_trainer.stages.own_trades import own_trades
from clm_trainer.stages.production import in_production
from clm_trainer.stages.report import write
from clm_trainer.threads import thread_count

if TYPE_CHECKING:
    from clm_api.replay import Contender

_LOG = logging.getLogger("clm_trainer")


@dataclass(frozen=True)
class Identity:
    """Which run this is.

    Parameters
    ----------
    version
        Name of the ModelVersion, for people.
    attempt
        Folder of this process's files: the pod's uid.
    """

    layout: RunLayout
    version: str
    attempt: str


def run(spec: RunSpec, who: Identity, host: Host, champion: "Contender | None" = None) -> str:
    """Train, judge and publish one version.

    Parameters
    ----------
    champion
        The version in production, for the comparison on the tear sheet.

    Returns
    -------
    str
        The manifest's path in the store: this attempt's, or that of a faster one.

    Raises
    ------
    ClmError
        A step can't be done; the reason decides whether a retry makes sense.
    """
    store, layout = host.store, who.layout
    if store.get(layout.manifest) is not None:
        _LOG.info("%s is published already", layout.manifest, extra={"stage": "report"})
        return layout.manifest
    device = choose_device(spec.pod.gpu.count)
    progress = ProgressReporter(
        store.hasty(), layout.progress(who.attempt), clock=host.clock, log=_LOG
    )

    def enter(stage: str) -> None:
        if host.should_stop():
            raise ClmError(Reason.INTERRUPTED, f"told to stop before {stage}; the run is retried")
        progress(stage, 0.0)
        give_back()

    enter("fetch")
    panel, bars = fetch(
        spec.data,
        host.data,
        funding=spec.charges_funding,
        tell=lambda line: progress("fetch", 0.0, line),
    )
    _LOG.info(_bars(spec, bars), extra={"stage": "fetch"})
    trades = own_trades(spec, panel, host.data)
    if trades is not None:
        _LOG.info(trades.note, extra={"stage": "fetch"})
        spec, bars = trades.charged(spec), replace(bars, notes=(*bars.notes, trades.note))
    events = funding_events(spec, judged_bars(panel, spec), host.data)
    if events is not None:
        _LOG.info("%d funding events", len(events), extra={"stage": "fetch"})

    context = FitContext(
        seed=spec.model.seed,
        device=device,
        threads=thread_count(),
        progress=lambda done, line: progress("train", done, line),
        should_stop=host.should_stop,
    )
    developed = develop(panel, spec, context, events, enter=enter)

    enter("report")
    folder = Attempt(store, layout, who.attempt)
    outcome = Outcome(spec, layout, who.version, bars, developed, trades)
    if write(outcome, folder, production=in_production(champion), now=host.clock()):
        say = "%d files in %s"
        _LOG.info(say, len(folder.files), layout.attempt(who.attempt), extra={"stage": "report"})
    else:
        _LOG.info("another attempt was faster: its result stands", extra={"stage": "report"})
    return layout.manifest


def _bars(spec: RunSpec, bars: DataReport) -> str:
    """Say what was fetched at a glance."""
    cached = sum(one.cached for one in bars.symbols)
    symbols, gaps = " ".join(spec.data.symbols), sum(len(one.gaps) for one in bars.symbols)
    return (
        f"{symbols} {spec.data.timeframe} {bars.from_:%Y-%m-%d}..{bars.to:%Y-%m-%d}  "
        f"{bars.bars} bars ({bars.requests} requests, {cached} from cache), {gaps} gaps"
    )
