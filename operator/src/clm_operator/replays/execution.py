"""Whether the account's fills are what the version in production decided."""

from clm_api.execution import ExecutionStatus
from clm_operator.facts import Facts

LEAST_FILLS = 10
"""Fewer explained fills say nothing of prices: they differ from their bars' opens by chance."""


def shortfall(facts: Facts, execution: ExecutionStatus) -> str | None:
    """Return why they are not, in words; None where they are.

    They are not where a fill has no decision or a decision no fill, or where fills cost more than
    the fees and the slippage with which the version was judged.
    """
    why = list[str]()
    if execution.unexplained:
        why.append(f"{execution.unexplained} fill(s) that no decision explains")
    if execution.missed:
        why.append(f"{execution.missed} decision(s) without a fill")
    charged, found = _charged_bps(facts), execution.shortfall_bps
    enough = execution.fills - execution.unexplained >= LEAST_FILLS
    if charged is not None and found is not None and enough and found > charged:
        why.append(f"fills {found:.1f} bps worse than their bars' opens, above {charged:g} charged")
    return ", ".join(why) or None


def _charged_bps(facts: Facts) -> float | None:
    """Return what a side of a trade cost in the backtest; None where the version is gone."""
    name = facts.champion.version if facts.champion else None
    spec = next((v.spec for v in facts.versions if v.name == name and v.spec), None)
    return None if spec is None else spec.run.cost_bps
