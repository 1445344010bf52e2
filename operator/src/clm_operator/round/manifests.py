"""What is made, as Kubernetes takes it: manifests and keys of what an act names."""

from clm_api.resolve import resolve
from clm_operator.facts import Facts
from clm_operator.jobs.credentials import Grant, regrant
from clm_operator.jobs.manifest import NewJob
from clm_operator.jobs.memory import pod_defaults
from clm_operator.mirror.objects import Job, Raw
from clm_operator.replays.decide import Lacking
from clm_operator.replays.job import DueReplay, grants_for, replay_job
from clm_operator.runs.decide import Run
from clm_operator.runs.job import training_job
from clm_operator.slots.admit import Begin
from clm_operator.slots.version import version_manifest


def version_of(facts: Facts, begin: Begin) -> Raw:
    """Return the manifest of a version."""
    spec, ask = begin.spec, begin.ask
    pods = pod_defaults(spec, facts.settings)
    run = resolve(spec, slot=ask.slot, trials=begin.trials, pod_defaults=pods)
    return version_manifest(facts.schedule, spec, ask, run)


def job_of(facts: Facts, run: Run) -> NewJob:
    """Return the Job of a version."""
    return training_job(run.version, run.spec, facts.settings, facts.now, facts.champion)


def job_of_replay(facts: Facts, replay: DueReplay) -> NewJob:
    """Return the Job of a replay."""
    return replay_job(facts.schedule, replay, facts.settings, facts.now)


def keys_of(facts: Facts, run: Run) -> tuple[Grant, ...]:
    """Return the keys that a version's Job may lack; none where it waits for none of its own."""
    return _lacking(facts, job_of(facts, run).grants, facts.jobs[run.version.name])


def keys_of_replay(facts: Facts, lacking: Lacking) -> tuple[Grant, ...]:
    """Return the keys that a replay's Job may lack; none where it waits for none of its own."""
    grants = grants_for(facts.schedule, lacking.replay, facts.settings, facts.now)
    return _lacking(facts, grants, lacking.job)


def _lacking(facts: Facts, grants: tuple[Grant, ...], job: Job) -> tuple[Grant, ...]:
    state = facts.states.get(job.name)
    queued = state is not None and state.queue is not None
    again = (regrant(grant, job, queued=queued) for grant in grants)
    return tuple(grant for grant in again if grant is not None)
