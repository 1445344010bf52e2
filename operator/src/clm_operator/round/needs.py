"""What a round needs from the store, as follows from its facts."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import Phase
from clm_operator.facts import Facts
from clm_operator.mirror.objects import Version
from clm_operator.stages.requests import wants_verification


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
        job = facts.jobs.get(version.name)
        if version.spec is None:
            continue
        if job is None or job.finished or job.trainer_ended:
            reports.append(version)
        elif job.pods and job.pods[-1].phase == "Running":
            progress.append((version, job.pods[-1].uid))
    return Needs(tuple(reports), tuple(progress), _verify(facts), _replay(facts))


def _verify(facts: Facts) -> tuple[Version, ...]:
    """Return the versions that are asked, or chosen, into production."""
    production = facts.schedule.status.production
    asked = tuple(v for v in facts.asked if wants_verification(v, production))
    return asked if facts.choice is None else (*asked, facts.choice.version)


def _replay(facts: Facts) -> datetime | None:
    """Return the slot of the newest replay if its Job has ended or is gone."""
    status = facts.newest
    if status is None or status.phase is not Phase.RUNNING:
        return None
    job = facts.replays.get(status.name)
    return status.slot if job is None or job.finished or job.trainer_ended else None
