"""Facts and findings in, one plan out: the operator's only place of decision.

Four subjects decide side by side: stages, runs, replays, slots. What they say of an object is laid
together, with what is to be told of it, and becomes acts in their order.
"""

from clm_operator.facts import Facts
from clm_operator.findings import Findings
from clm_operator.replays.decide import replays_of
from clm_operator.replays.outcome import latest_of
from clm_operator.round.acts import Plan
from clm_operator.round.order import Decided, in_order
from clm_operator.round.schedule_status import Parts, schedule_status
from clm_operator.round.tidying import tidied
from clm_operator.round.version_status import settled
from clm_operator.runs.decide import runs_of
from clm_operator.slots.admit import slots_of
from clm_operator.slots.tries import tried
from clm_operator.stages.pointer import pointer_of
from clm_operator.stages.promotion import promotions_of
from clm_operator.telling.notices import announced


def plan(facts: Facts, findings: Findings) -> Plan:
    """Decide what follows from what is known and what was found."""
    latest = latest_of(facts, findings)
    moves = promotions_of(facts, findings, latest)
    runs = runs_of(facts, findings)
    replays = replays_of(facts, latest, moving=moves.moving)
    versions = settled(facts, runs, moves.changes)
    after = [one.after for one in versions]
    tries = tried(facts, after)
    slots = slots_of(facts, tries.told)
    pointer = pointer_of(facts, moves.goes, latest.live)
    parts = Parts(after, slots, tries.own, pointer, replays.status, latest.report)
    status = schedule_status(facts, parts)
    versions, status = announced(facts, versions, status, slots.skips)
    decided = Decided(runs, replays, moves, slots, versions, status, tidied(facts, latest))
    return in_order(facts, decided)
