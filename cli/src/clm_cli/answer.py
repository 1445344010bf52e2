"""The answer of a simulation as lines, whether it ran here or on a cluster."""

from collections.abc import Iterator, Sequence
from typing import Any

from clm_api.simulation import SimulatedVariant, SimulationSpec, SimulationStatus
from clm_cli.tables import Cell

COLUMNS = (
    "variant", "versions", "failed", "passed", "promotions", "return", "maxdd", "sharpe",
    "buy and hold",
)  # fmt: skip
"""Of the table of several variants."""
EXPENDABLE = ("failed", "buy and hold", "promotions", "versions")
"""Those that a narrow terminal does without, the first one first."""
_DAY_LENGTH = len("2025-01-01")


def full(name: str, facts: dict[str, Any]) -> list[str]:
    """Return everything that ``simulation.json`` says."""
    judged = facts["versions"] - facts["failed"]
    made, held = facts["production"], facts["buyAndHold"]
    after = facts["nextPeriod"]
    span = f"{facts['from'][:_DAY_LENGTH]}..{facts['to'][:_DAY_LENGTH]}"
    slots = " ".join(p["slot"][:_DAY_LENGTH] for p in facts["promotions"])
    rows = (
        (name, f"{span}  {_versions(facts['versions'], facts['failed'])}"),
        ("passed", f"{facts['passed']} of {judged}"),
        ("promotions", f"{len(facts['promotions'])}  {slots}"),
        ("production", f"{_figures(made)}  sharpe {_number(made.get('sharpe'))}"),
        ("buy and hold", _figures(held)),
        ("next period", f"passed {_next(after['passed'])}; rejected {_next(after['rejected'])}"),
        ("gate vs next", f"rank correlation of Sharpe {_number(after['gateCorrelation'])}"),
        ("choosing", _choice(facts["overfitting"])),
        ("answer", _answer(len(facts["promotions"]), made["totalReturn"])),
    )
    return list(_labelled(rows))


def short(name: str, spec: SimulationSpec, status: SimulationStatus) -> list[str]:
    """Return what a simulation's status says of its only variant: the same lines, fewer of them."""
    only = status.variants[0]
    failed, passed, promotions = only.failed or 0, only.passed or 0, only.promotions or 0
    span = f"{spec.from_:%Y-%m-%d}..{spec.to:%Y-%m-%d}"
    made = {"totalReturn": only.total_return or 0.0, "maxDrawdown": only.max_drawdown or 0.0}
    rows = (
        (name, f"{span}  {_versions(only.slots, failed)}"),
        ("passed", f"{passed} of {only.slots - failed}"),
        ("promotions", str(promotions)),
        ("production", f"{_figures(made)}  sharpe {_number(only.sharpe)}"),
        ("buy and hold", f"return {only.buy_and_hold or 0.0:+z.1%}"),
        ("choosing", _probability(status)),
        ("answer", _answer(promotions, only.total_return or 0.0)),
    )
    return list(_labelled(rows))


def chosen(status: SimulationStatus) -> list[str]:
    """Return what choosing the best of several variants is worth."""
    found = next((v for v in status.variants if v.name == status.best), None)
    rows = [("choosing", _probability(status))]
    if found is not None:
        words = _answer(found.promotions or 0, found.total_return or 0.0)
        rows.append(("answer", f"{found.name}, the best of {len(status.variants)}: {words}"))
    return list(_labelled(rows))


def row(variant: SimulatedVariant) -> tuple[Cell, ...]:
    """Return a variant's row of the table."""
    numbers = (variant.slots, variant.failed, variant.passed, variant.promotions)
    return (
        variant.name,
        *("–" if n is None else str(n) for n in numbers),
        _percent(variant.total_return),
        "–" if variant.max_drawdown is None else f"{variant.max_drawdown:z.3f}",
        _number(variant.sharpe),
        _percent(variant.buy_and_hold),
    )


def _labelled(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    return (f"{label:<13} {text}" for label, text in rows)


def _versions(count: int, failed: int) -> str:
    return f"{count} versions, {failed} failed"


def _figures(values: dict[str, float]) -> str:
    return f"return {values['totalReturn']:+z.1%}  maxdd {values['maxDrawdown']:z.3f}"


def _next(group: dict[str, Any]) -> str:
    return (
        f"{group['versions']}: sharpe mean {_number(group['mean_sharpe'])} "
        f"median {_number(group['median_sharpe'])}"
    )


def _choice(found: dict[str, Any]) -> str:
    if found["probability"] is None:
        return found["reason"] or "unknown"
    return (
        f"probability of backtest overfitting {found['probability']:z.2f} "
        f"among {found['versions']} versions on the last bars that all share"
    )


def _probability(status: SimulationStatus) -> str:
    found = status.overfitting_probability
    if found is None:
        return "probability of backtest overfitting unknown; the report says why"
    among = "versions" if len(status.variants) == 1 else "versions of all variants"
    return f"probability of backtest overfitting {found:z.2f} among {among}"


def _answer(promotions: int, gained: float) -> str:
    if not promotions:
        return "nothing passed the gate, so nothing was traded"
    verb = "made" if gained > 0 else "lost"
    return f"the schedule and its gate would have {verb} {abs(gained):.1%} after costs"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:+z.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.2f}"
