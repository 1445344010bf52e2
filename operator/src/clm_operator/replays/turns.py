"""Which versions a slot's replay is of, where production and trial are of two images."""

from datetime import datetime, timedelta

from clm_operator.facts import Facts
from clm_operator.mirror.objects import Version


def are_apart(facts: Facts) -> bool:
    """Whether the image of the version on trial may lack the code of the one in production.

    Images of CLM's own have the same code; an own one need not have another's.
    """
    champion, trial = facts.champion, facts.on_trial
    if champion is None or trial is None:
        return False
    known = next((v for v in facts.versions if v.name == champion.version), None)
    theirs, ours = _own_image(trial), None if known is None else _own_image(known)
    return theirs != ours


def is_of_production_alone(facts: Facts, slot: datetime, step: timedelta) -> bool:
    """Whether a slot belongs to the version in production alone: every second one, if apart.

    A version that has just come into production is looked at at once.
    """
    turn = int(slot.timestamp()) // int(step.total_seconds()) % 2
    return are_apart(facts) and (slot == facts.first_look or turn == 0)


def _own_image(version: Version) -> str | None:
    if version.spec is None or version.spec.run.pod.fetch_image is None:
        return None
    return version.spec.run.pod.image
