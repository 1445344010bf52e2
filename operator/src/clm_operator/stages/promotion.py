"""Who is in production: requests decided, the pointer moved, stages made to follow it.

A promotion is four guarded writes, each by a later round than the one before, and a crash between
two of them is finished by whoever looks next:

    1. TrainingSchedule.status.production   the truth; says who asked for what and why
    2. the old version → ARCHIVED, then the new one → PRODUCTION, with the request's generation
       in status.promotion: from here on the request counts as decided
    3. the request is removed from the new version's spec
    4. the store's object

No request is decided before all stages agree with the pointer (1 without 2 is finished first), and
one that is decided only gets removed (2 without 3): so none is executed twice. A refusal is write
2 and 3 alone.
"""

from clm_operator.facts import Facts
from clm_operator.findings import Findings, Latest
from clm_operator.stages.answers import answered
from clm_operator.stages.pointer import Promotions
from clm_operator.stages.shadow import concluded


def promotions_of(facts: Facts, findings: Findings, latest: Latest) -> Promotions:
    """Decide what follows from the pointer, a test, and what is wanted: the first that moves.

    Persons come before mode Automatic, which acts in rounds in which nobody asks for anything.
    """
    if facts.lagging:
        settled = tuple(v for v in facts.settled if v.name not in facts.lagging)
        return Promotions(facts.lagging, decided=settled, first=True)
    if changes := concluded(facts, latest):
        return Promotions(changes, decided=facts.settled, first=True)
    return answered(facts, findings)
