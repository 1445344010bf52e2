"""What a round must work out or read before it can decide."""

from dataclasses import dataclass

from clm_api.model_version import TERMINAL
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.simulations.facts import Facts, JobSeen


@dataclass(frozen=True)
class Needs:
    """What to ask for.

    Parameters
    ----------
    freeze
        Whether it is to be frozen, on the schedule that is there.
    task
        Whether a Job, or keys for one, may have to be made, or one may wait too long.
    progress
        Variants whose pods may have trained more.
    report
        Whether the reduce Job has ended well.
    """

    freeze: bool = False
    task: bool = False
    progress: tuple[str, ...] = ()
    report: bool = False


def needs(facts: Facts) -> Needs:
    """Return what is to be asked for."""
    simulation = facts.simulation
    if simulation.terminal:
        return Needs()
    if not facts.is_frozen:
        readable = simulation.spec is not None
        return Needs(freeze=readable and isinstance(facts.view.schedule, TrainingScheduleSpec))
    working = [v for v in facts.variants if v.seen.job is not None and not v.seen.job.finished]
    reduce = facts.reduce
    return Needs(
        task=any(map(_rests_on_task, _awaited(facts))),
        progress=tuple(v.status.name for v in working),
        report=reduce.state is not None and reduce.state.completed,
    )


def _awaited(facts: Facts) -> list[JobSeen]:
    """Return the Jobs that are to be there."""
    if facts.trained or all(v.seen.state and v.seen.state.completed for v in facts.variants):
        return [facts.reduce]
    return [v.seen for v in facts.variants if v.status.phase not in TERMINAL]


def is_missing(seen: JobSeen) -> bool:
    """Whether a Job is to be made."""
    return seen.state is None and not seen.foreign


def may_lack_keys(seen: JobSeen) -> bool:
    """Whether a Job may make pods and none has worked yet: nobody may have lent it keys.

    A crash kept them from it, or it was in a queue when it was made.
    """
    job = seen.job
    return job is not None and not (job.finished or job.suspended or seen.worked)


def _rests_on_task(seen: JobSeen) -> bool:
    """Whether a Job is to be made, lent keys, or given up after its own time."""
    waits = seen.job is not None and not seen.job.finished and not seen.works
    return is_missing(seen) or waits
