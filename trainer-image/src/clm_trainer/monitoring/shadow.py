"""The challenger's shadow test so far: its figures, the looks, replay parity."""

from collections.abc import Callable

from clm_api.replay import ReplayTask, ShadowReplay
from clm_trainer.monitoring import looks
from clm_trainer.monitoring.parity import Parity, replay_parity
from clm_trainer.monitoring.replay import facts
from clm_trainer.monitoring.stretch import Track


def shadow(
    challenger: Track,
    champion: Track | None,
    task: ReplayTask,
    *,
    problem: str = "",
    check: Callable[[], None] = lambda: None,
) -> ShadowReplay:
    """Replay the challenger on all bars after its training.

    Parameters
    ----------
    champion
        What is in production, ready to be replayed.
    problem
        Why the champion can't be replayed.
    check
        Called between steps; may raise to end the work.

    Raises
    ------
    ClmError
        MetricsRejected, InsufficientData; what ``check`` raises.
    """
    planned = looks.lengths(task.shadow, challenger.panel.bars_per_day)
    seen = looks.reached(challenger, champion, task, planned, problem=problem, check=check)
    whole = facts(challenger, challenger.first)
    same = _parity(challenger, whole["bars"], check)
    return ShadowReplay(
        **whole,
        champion=task.champion.version if task.champion else None,
        looks=seen,
        looks_planned=len(planned),
        replayed_bars=same.bars,
        replay_mismatch=same.mismatch,
        mismatch_at=same.mismatch_at,
    )


def _parity(track: Track, bars: int, check: Callable[[], None]) -> Parity:
    if not bars:
        return Parity(0, 0.0, None)
    targets = track.stretch(track.first, bars).play.targets
    return replay_parity(track.model, track.panel, targets, check)
