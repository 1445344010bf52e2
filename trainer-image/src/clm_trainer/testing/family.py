"""What an own family must do; CLM's own families are tested by the very same check."""

from collections.abc import Iterable, Mapping
from typing import Any

from clm_trainer.families.base import Family
from clm_trainer.own.door import Offer
from clm_trainer.testing.family_files import FILES
from clm_trainer.testing.family_learning import LEARNING
from clm_trainer.testing.family_manners import MANNERS
from clm_trainer.testing.family_scores import SCORES
from clm_trainer.testing.promises import chosen, look_at
from clm_trainer.testing.subject import subject

_PROMISES = (*SCORES, *FILES, *MANNERS, *LEARNING)
FAMILY_PROMISES = tuple(promise.sentence for promise in _PROMISES)
"""What ``check_family`` looks at, in order."""
LEARNING_PROMISES = tuple(promise.sentence for promise in LEARNING)
"""Those that train on 450 days of bars."""


def check_family(
    offer: Offer[Family] | str,
    params: Mapping[str, Any] | None = None,
    *,
    only: Iterable[str] | None = None,
    cpu_s: float = 60.0,
    memory_mib: float = 2048.0,
) -> None:
    """Check that a family does what a run and production rely on.

    It trains on bars that it draws, with CLM's own features. Fits are kept for the next call with
    the same arguments.

    Parameters
    ----------
    offer
        The offer, or the name of its entry point.
    params
        As in ``spec.model.custom.params``.
    only
        Sentences of ``FAMILY_PROMISES``; without it, all of them.
    cpu_s, memory_mib
        What one fit on 2600 bars of two symbols may take, with these parameters.

    Raises
    ------
    PromisesBrokenError
        It breaks some; the error names each, says what was found and how to mend it.
    SpecError
        No package offers that name, or the parameters are wrong.
    """
    tested = subject(offer, params, cpu_s, memory_mib)
    look_at(tested.name, tested, chosen(_PROMISES, only))
