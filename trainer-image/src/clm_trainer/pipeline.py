"""One run from bars to a committed result: fetch, features, train, backtest, report."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_api.reasons import Reason
from clm_api.replay import Contender
from clm_api.run import RunSpec
from clm_trainer.attempt import Attempt
from clm_trainer.devices import choose_device
from clm_trainer.families.base import FitContext
from clm_trainer.outcome import Outcome
from clm_trainer.progress import ProgressReporter
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.develop import develop
from clm_trainer.stages.fetch import fetch
from clm_trainer.stages.funding import funding_events, judged_bars
from clm_trainer.stages.own_trades import own_trades
from clm_trainer.stages.production import in_production
from clm_trainer.stages.report import write
from clm_trainer.storage import Storage
from clm_trainer.threads import thread_count

Clock = Callable[[], datetime]


def run(
    spec: RunSpec,
    layout: RunLayout,
    attempt: str,
    store: Storage,
    *,
    version: str,
    clock: Clock,
    should_stop: Callable[[], bool],
    log: logging.Logger,
    champion: Contender | None = None,
    data: Storage | None = None,
) -> str:
    """Train, judge and publish one version.

    Parameters
    ----------
    attempt
        Folder of this process's files: the pod's uid.
    version
        Name of the ModelVersion, for people.
    clock
        Returns the present UTC time.
    should_stop
        True once the process was told to end.
    champion
        The version in production, for the comparison on the tear sheet.
    data
        Where bars, funding and own trades lie; None where they lie in the same store.

    Returns
    -------
    str
        The manifest's path in the store: this attempt's, or that of a faster one.

    Raises
    ------
    ClmError
        A step can't be done; the reason decides whether a retry makes sense.
    """
    if store.get(layout.manifest) is not None:
        log.info("%s is published already", layout.manifest, extra={"stage": "report"})
        return layout.manifest
    device = choose_device(spec.pod.gpu.count)
    progress = ProgressReporter(store.hasty(), layout.progress(attempt), clock=clock, log=log)

    def enter(stage: str) -> None:
        if should_stop():
            raise ClmError(Reason.INTERRUPTED, f"told to stop before {stage}; the run is retried")
        progress(stage, 0.0)

    enter("fetch")
    rows = data or store
    panel, bars = fetch(
        spec.data,
        rows,
        funding=spec.charges_funding,
        tell=lambda line: progress("fetch", 0.0, line),
    )
    log.info(_bars(spec, bars), extra={"stage": "fetch"})
    trades = own_trades(spec, panel, rows)
    if trades is not None:
        log.info(trades.note, extra={"stage": "fetch"})
        spec, bars = trades.charged(spec), replace(bars, notes=(*bars.notes, trades.note))
    events = funding_events(spec, judged_bars(panel, spec), rows)
    if events is not None:
        log.info("%d funding events", len(events), extra={"stage": "fetch"})

    context = FitContext(
        seed=spec.model.seed,
        device=device,
        threads=thread_count(),
        progress=lambda done, line: progress("train", done, line),
        should_stop=should_stop,
    )
    developed = develop(panel, spec, context, events, enter=enter)

    enter("report")
    folder = Attempt(store, layout, attempt)
    outcome = Outcome(spec, layout, version, bars, developed, trades)
    if write(outcome, folder, production=in_production(champion), now=clock()):
        say = "%d files in %s"
        log.info(say, len(folder.files), layout.attempt(attempt), extra={"stage": "report"})
    else:
        log.info("another attempt was faster: its result stands", extra={"stage": "report"})
    return layout.manifest


def _bars(spec: RunSpec, bars: DataReport) -> str:
    """Say what was fetched at a glance."""
    cached = sum(one.cached for one in bars.symbols)
    symbols, gaps = " ".join(spec.data.symbols), sum(len(one.gaps) for one in bars.symbols)
    return (
        f"{symbols} {spec.data.timeframe} {bars.from_:%Y-%m-%d}..{bars.to:%Y-%m-%d}  "
        f"{bars.bars} bars ({bars.requests} requests, {cached} from cache), {gaps} gaps"
    )
