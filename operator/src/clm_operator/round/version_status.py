"""The status of a version: what came of its run and how it moves, written down in one place.

It also says so in the words of kstatus: how far the run is, and of which spec. A REJECTED version
is a finished one.
"""

from dataclasses import replace
from datetime import datetime

from clm_api.conditions import condition
from clm_api.kstatus import READY, conditions_of
from clm_api.model_version import ModelVersionStatus
from clm_operator.changes import Change, Changes, Settled
from clm_operator.facts import Facts
from clm_operator.mirror.objects import Version
from clm_operator.runs.decide import Runs
from clm_operator.stages.lifecycle import moved, said_of


def settled(facts: Facts, runs: Runs, moves: Changes) -> tuple[Settled, ...]:
    """Return the next status of every version.

    A run that goes on, or ends now, keeps its own status beside what was decided of its request.
    """
    after = list[Settled]()
    for version in facts.versions:
        change, move = runs.changes.get(version.name), moves.get(version.name)
        if change is None:
            change = move
        elif move is not None:
            beside = change.status.having(promotion=move.status.promotion)
            change = replace(change, status=beside)
        if change is None and not _is_written(version):
            change = Change(version.status, facts.now)
        status = version.status if change is None else written(version, change, facts.now)
        after.append(Settled(version, status, version.name in runs.ends))
    return tuple(after)


def _is_written(version: Version) -> bool:
    """Whether an ended version's status says all that it is to say."""
    status = version.status
    said = any(c.type == READY for c in status.conditions)
    return said and status.observed_generation == version.generation


def written(version: Version, change: Change, now: datetime) -> ModelVersionStatus:
    """Write a change down."""
    status = change.status if change.move is None else moved(change.status, change.move)
    said = [(*one, change.at) for one in (*change.said, *said_of(change.move))]
    beside = [
        condition(kind, holds=holds, reason=str(why), message=words, now=at)
        for kind, holds, why, words, at in said
    ]
    reason = status.reason or str(status.phase)
    conditions = conditions_of(status.conditions, status.phase, reason, status.message, now, beside)
    return status.having(observed_generation=version.generation, conditions=list(conditions))
