"""The tables of a simulation's report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clm_api.simulation_task import SimulationTask
from clm_trainer.tearsheet.formats import DASH, number, percent, tint
from clm_trainer.tearsheet.grid import Cell, Grid, row
from clm_trainer.tearsheet.words import STAGES, spoken

if TYPE_CHECKING:
    from clm_trainer.simulation.report.page import Shown

_STAGES = {**STAGES, "FAILED": "Failed"}
_ABSENT = "absent"
_NO_BREAK = "\N{NO-BREAK SPACE}"


def verdict(one: "Shown") -> tuple[str, str, str]:
    """Return a variant's name, its answer as a sentence, and the CSS class of it."""
    facts = one.facts
    held = f"buying and holding {_gained(facts['buyAndHold']['totalReturn'])}"
    judged = facts["versions"] - facts["failed"]
    passed = f"{facts['passed']} of {judged} versions passed the gate"
    if not facts["promotions"]:
        return one.name, f"{passed}, so nothing was traded; {held}.", ""
    earned = facts["production"]["totalReturn"]
    return one.name, f"{_gained(earned)} after costs; {held}. {passed}.", tint(earned)


def _gained(share: float) -> str:
    return f"{'lost' if share < 0 else 'made'} {percent(abs(share))}"


def variants(shown: Sequence["Shown"]) -> Grid:
    """Return one row per variant."""
    rows = []
    for one in shown:
        facts, made = one.facts, one.facts["production"]
        held = facts["buyAndHold"]["totalReturn"]
        rows.append(
            row(
                one.name,
                number(facts["versions"], 0),
                number(facts["failed"], 0),
                number(facts["passed"], 0),
                number(len(facts["promotions"]), 0),
                Cell(percent(made["totalReturn"]), tint(made["totalReturn"])),
                percent(held),
                number(one.sharpe),
                percent(made["maxDrawdown"]),
                percent(one.deflated_sharpe),
            )
        )
    headings = (
        "variant", "versions", "failed", "passed", "promotions", "return",
        "buy and hold", "Sharpe", "drawdown", "above luck",
    )  # fmt: skip
    return Grid(headings, rows)


def after_passing(shown: Sequence["Shown"]) -> Grid:
    """Return what versions earned after their slots, by the gate's verdict."""
    rows = []
    for one in shown:
        after = one.facts["nextPeriod"]
        groups = (after["passed"], after["rejected"])
        figures = [
            cell
            for group in groups
            for cell in (
                number(group["versions"], 0),
                number(group["mean_sharpe"]),
                Cell(percent(group["mean_return"]), tint(group["mean_return"])),
            )
        ]
        rows.append(row(one.name, *figures, number(after["gateCorrelation"])))
    of = ("versions", "mean Sharpe", "mean return")
    headings = ("variant", *(f"{kind}: {name}" for kind in ("passed", "rejected") for name in of))
    return Grid((*headings, "rank correlation"), rows)


def versions(history: Sequence[Mapping[str, Any]]) -> Grid:
    """Return one row per version."""
    colours = {"CANDIDATE": "win", "REJECTED": "loss"}
    rows = [
        row(
            version["slot"][:16].replace("T", _NO_BREAK),
            Cell(_STAGES[version["stage"]], colours.get(version["stage"], "soft")),
            Cell(spoken(version["reason"]), "soft"),
            number(version["sharpe"]),
            percent(version["maxDrawdown"]),
            number(version["trades"], 0),
            percent(version["deflatedSharpe"]),
            number(version["nextSharpe"]),
            Cell(percent(version["nextReturn"]), tint(version["nextReturn"])),
        )
        for version in history
    ]
    headings = (
        "slot", "verdict", "why", "Sharpe", "largest drawdown", "trades", "above luck so far",
        "Sharpe after", "return after",
    )  # fmt: skip
    return Grid(headings, rows, frozenset({1, 2}))


def changes(task: SimulationTask) -> Grid:
    """Return in what the schedules of the variants differ, one column per field."""
    flat = {one.name: dict(_leaves(one.schedule.to_json_dict())) for one in task.variants}
    fields = dict.fromkeys(name for values in flat.values() for name in values)
    differing = [f for f in fields if len({values.get(f, _ABSENT) for values in flat.values()}) > 1]
    rows = [
        row(name, *(Cell(values.get(f, DASH), "code") for f in differing))
        for name, values in flat.items()
    ]
    return Grid(("variant", *differing), rows if differing else [])


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and JSON of every field that is no object."""
    if not isinstance(value, Mapping):
        yield path, json.dumps(value)
        return
    for name, inner in value.items():
        yield from _leaves(inner, f"{path}.{name}" if path else name)


def digests(shown: Sequence["Shown"]) -> Grid:
    """Return what each variant was made of."""
    rows = [
        row(
            one.name,
            number(one.origin.bars, 0).replace(" ", _NO_BREAK),
            Cell(one.origin.bars_sha256, "code"),
            Cell(one.origin.fingerprint, "code"),
            Cell(one.origin.image, "code"),
        )
        for one in shown
    ]
    return Grid(
        ("variant", "bars", "bars sha256", "fingerprint", "image"), rows, frozenset({2, 3, 4})
    )
