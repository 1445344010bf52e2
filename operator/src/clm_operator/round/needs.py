"""What a round needs from the store, as follows from its facts."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.lifecycle import RequestedStage
from clm_api.model_version import Phase
from clm_operator.facts import Facts
from clm_operator.mirror.objects import Version
from clm_operator.stages.requests import can_be_promoted


@dataclass(frozen=True)
class Needs:
    """What is to be read.

    Parameters
    ----------
    reports
        Runs whose Job has ended or is gone: their results.
    progress
        Runs that work: what their newest pod, named by its uid, says.
    verify
        Ended versions whose files are to be digested anew.
    replay
        Slot of the replay whose report is to be read.
    """

    reports: tuple[Version, ...] = ()
    progress: tuple[tuple[Version, str], ...] = ()
    verify: tuple[Version, ...] = ()
    replay: datetime | None = None


def needs(facts: Facts) -> Needs:
    """Return what a round has to read before it can decide."""
    reports, progress = list[Version](), list[tuple[Version, str]]()
    for version in facts.active:
        state = facts.states.get(version.name)
        if version.spec is None:
            continue
        if state is None or state.over:
            reports.append(version)
        elif state.pod is not None and state.pod.phase == "Running":
            progress.append((version, state.pod.uid))
    promotes = (w.version for w in facts.wants if w.stage is RequestedStage.PRODUCTION)
    production = facts.schedule.status.production
    verify = tuple(v for v in promotes if can_be_promoted(v, production))
    return Needs(tuple(reports), tuple(progress), verify, _replay(facts))


def _replay(facts: Facts) -> datetime | None:
    """Return the slot of the newest replay if its Job has ended or is gone."""
    status = facts.newest
    if status is None or status.phase is not Phase.RUNNING:
        return None
    state = facts.states.get(status.name)
    return status.slot if state is None or state.over else None
