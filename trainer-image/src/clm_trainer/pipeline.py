"""One run from bars to a committed result: fetch, features, train, backtest, report."""

import logging
from dataclasses import dataclass
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
from clm_trainer.stages.develop import develop
from clm_trainer.stages.material import material
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
    made_of = material(spec, host, lambda line: progress("fetch", 0.0, line))
    spec = made_of.spec

    context = FitContext(
        seed=spec.model.seed,
        device=device,
        threads=thread_count(),
        progress=lambda done, line: progress("train", done, line),
        should_stop=host.should_stop,
    )
    developed = develop(made_of.panel, spec, context, made_of.events, enter=enter)

    enter("report")
    folder = Attempt(store, layout, who.attempt)
    outcome = Outcome(spec, layout, who.version, made_of.bars, developed, made_of.trades)
    if write(outcome, folder, production=in_production(champion), now=host.clock()):
        say = "%d files in %s"
        _LOG.info(say, len(folder.files), layout.attempt(who.attempt), extra={"stage": "report"})
    else:
        _LOG.info("another attempt was faster: its result stands", extra={"stage": "report"})
    return layout.manifest
