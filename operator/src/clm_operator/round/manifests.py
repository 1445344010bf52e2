"""What is made, as Kubernetes takes it: manifests and keys of what an act names."""

from clm_api.resolve import resolve
from clm_operator.facts import Facts
from clm_operator.jobs.credentials import Grant, regrant
from clm_operator.jobs.manifest import NewJob
from clm_operator.mirror.objects import Raw
from clm_operator.replays.decide import Lacking
from clm_operator.replays.job import DueReplay, grant_for, replay_job
from clm_operator.runs.decide import Run
from clm_operator.runs.job import training_job
from clm_operator.slots.admit import Begin
from clm_operator.slots.version import version_manifest


def version_of(facts: Facts, begin: Begin) -> Raw:
    """Return the manifest of a version."""
    spec, ask = begin.spec, begin.ask
    pods = facts.settings.pod_defaults(spec.model)
    run = resolve(spec, slot=ask.slot, trials=begin.trials, pod_defaults=pods)
    return version_manifest(facts.schedule, spec, ask, run)


def job_of(facts: Facts, run: Run) -> NewJob:
    """Return the Job of a version."""
    return training_job(run.version, run.spec, facts.settings, facts.now, facts.champion)


def job_of_replay(facts: Facts, replay: DueReplay) -> NewJob:
    """Return the Job of a replay."""
    return replay_job(facts.schedule, replay, facts.settings, facts.now)


def keys_of(facts: Facts, run: Run) -> Grant | None:
    """Return the keys that a version's Job lacks; None where it waits for none of its own."""
    grant = job_of(facts, run).grant
    return None if grant is None else regrant(grant, facts.jobs[run.version.name])


def keys_of_replay(facts: Facts, lacking: Lacking) -> Grant | None:
    """Return the keys that a replay's Job lacks; None where it waits for none of its own."""
    grant = grant_for(facts.schedule, lacking.replay, facts.settings, facts.now)
    return regrant(grant, lacking.job)
