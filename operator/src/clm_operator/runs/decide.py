"""What a round does about runs: what came of each, their Jobs, and keys that a Job lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.training_schedule import ConcurrencyPolicy
from clm_operator.facts import Facts
from clm_operator.findings import Findings
from clm_operator.jobs.credentials import Grant, regrant
from clm_operator.jobs.failures import Failure
from clm_operator.jobs.manifest import NewJob
from clm_operator.jobs.waiting import lacks_keys
from clm_operator.mirror.objects import Job
from clm_operator.runs.job import training_job
from clm_operator.runs.outcome import Need, Outcome, failed, fold, goes_at
from clm_operator.settings import CredentialsMode


@dataclass(frozen=True)
class Runs:
    """What a round does about runs.

    Parameters
    ----------
    outcomes
        Of every version, oldest first.
    jobs
        To be made.
    grants
        Keys that pods wait for.
    superfluous
        Jobs that are to go.
    wakes
        When to look again.
    """

    outcomes: tuple[Outcome, ...]
    jobs: tuple[NewJob, ...]
    grants: tuple[Grant, ...]
    superfluous: tuple[Job, ...]
    wakes: tuple[datetime, ...]


def runs_of(facts: Facts, findings: Findings) -> Runs:
    """Fold every version; under policy Replace only the newest active run may stay."""
    outcomes = tuple(_replaced(facts, [fold(v, facts, findings) for v in facts.versions]))
    return Runs(
        outcomes=outcomes,
        jobs=tuple(_jobs(facts, outcomes)),
        grants=tuple(_keys(facts, outcomes)),
        superfluous=tuple(facts.jobs[o.version.name] for o in outcomes if o.need is Need.NO_JOB),
        wakes=tuple(_wakes(facts, outcomes)),
    )


def _replaced(facts: Facts, outcomes: list[Outcome]) -> list[Outcome]:
    spec = facts.schedule.spec
    if spec is None or spec.concurrency_policy is not ConcurrencyPolicy.REPLACE:
        return outcomes
    active = [i for i, o in enumerate(outcomes) if not o.version.terminal and not o.ended_now]
    for index in active[:-1]:
        version = outcomes[index].version
        newer = outcomes[active[-1]].version.name
        why = Failure(Reason.REPLACED, f"{newer} took its place (spec.concurrencyPolicy Replace)")
        outcomes[index] = failed(version, why, facts.now, facts.jobs.get(version.name))
    return outcomes


def _jobs(facts: Facts, outcomes: tuple[Outcome, ...]) -> Iterator[NewJob]:
    for outcome in outcomes:
        version = outcome.version
        if outcome.need is Need.JOB and version.spec is not None:
            yield training_job(version, version.spec, facts.settings, facts.now, facts.champion)


def _keys(facts: Facts, outcomes: tuple[Outcome, ...]) -> Iterator[Grant]:
    """Yield the credentials that a crash or a refusal kept from Jobs, unless it stands."""
    if facts.settings.store.credentials is not CredentialsMode.PER_RUN:
        return
    for outcome in outcomes:
        version, job = outcome.version, facts.jobs.get(outcome.version.name)
        if version.spec is None or job is None or outcome.status.phase is not Phase.PENDING:
            continue
        if version.name in facts.barred or not lacks_keys(job):
            continue
        made = training_job(version, version.spec, facts.settings, facts.now, facts.champion)
        if made.grant is not None and (grant := regrant(made.grant, job)) is not None:
            yield grant


def _wakes(facts: Facts, outcomes: tuple[Outcome, ...]) -> Iterator[datetime]:
    """Yield when to look at active runs, and when Jobs whose result was read go."""
    for outcome in outcomes:
        version = outcome.version
        if not version.terminal:
            if not outcome.ended_now:
                yield facts.again_at(version.name)
        elif (at := goes_at(version, facts.jobs.get(version.name))) is not None:
            yield at
