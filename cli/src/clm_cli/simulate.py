"""``clm simulate``: a schedule replayed on history."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from clm_api.errors import SpecError
from clm_api.past import covering_run
from clm_cli.local import LOCAL_POD
from clm_cli.manifests import schedule_of
from clm_cli.output import console, errors
from clm_cli.stores import Store, open_store

_DAY = "%Y-%m-%d"


def simulate(
    file: Annotated[Path, typer.Argument(help="Manifest of one TrainingSchedule.")],
    from_: Annotated[datetime, typer.Option("--from", formats=[_DAY], help="First slot, UTC.")],
    to: Annotated[datetime, typer.Option("--to", formats=[_DAY], help="End, exclusive, UTC.")],
    store: Store,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("simulations"),
) -> None:
    """Would this schedule and its gate have made money.

    At each past slot a version is trained on what was known then, and judged. One that passes goes
    into production at its slot and is traded until the next one passes. Interrupted, the same
    command goes on.

    Plain kubectl: none; it needs bars in the store, no cluster.
    """
    name, spec = schedule_of(file)
    start, stop = from_.replace(tzinfo=UTC), to.replace(tzinfo=UTC)
    if start >= stop:
        raise SpecError("--from", f"{start:{_DAY}} is not before --to {stop:{_DAY}}")
    objects = open_store(store)
    from clm_trainer.simulation.run import Simulator

    run = covering_run(spec, start, stop, LOCAL_POD)
    simulator = Simulator.prepare(spec, run, start, stop, objects, out)
    with progress(errors) as tell:
        simulator.train(tell)
    facts = simulator.finish()
    for line in _lines(name, facts, simulator.folder):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(out: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how many versions are finished: a bar on a terminal, elsewhere a line for each."""
    if not out.is_terminal:
        yield lambda done, all_: out.print(f"{done} of {all_} versions", highlight=False)
        return
    with Progress(
        "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=out,
    ) as bar:  # fmt: skip
        task = bar.add_task("versions", total=None)
        yield lambda done, all_: bar.update(task, completed=done, total=all_)


def _lines(name: str, facts: dict[str, Any], folder: Path) -> list[str]:
    judged = facts["versions"] - facts["failed"]
    made, held = facts["production"], facts["buyAndHold"]
    after = facts["nextPeriod"]
    span = f"{facts['from'][:10]}..{facts['to'][:10]}"
    slots = " ".join(p["slot"][:10] for p in facts["promotions"])
    rows = (
        (name, f"{span}  {facts['versions']} versions, {facts['failed']} failed"),
        ("passed", f"{facts['passed']} of {judged}"),
        ("promotions", f"{len(facts['promotions'])}  {slots}"),
        ("production", f"{_figures(made)}  sharpe {_number(made.get('sharpe'))}"),
        ("buy and hold", _figures(held)),
        ("next period", f"passed {_next(after['passed'])}; rejected {_next(after['rejected'])}"),
        ("gate vs next", f"rank correlation of Sharpe {_number(after['gateCorrelation'])}"),
        ("choosing", _choice(facts["overfitting"])),
        ("answer", _answer(facts)),
    )
    return [*(f"{label:<13} {text}" for label, text in rows), str(folder / "simulation.json")]


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


def _answer(facts: dict[str, Any]) -> str:
    if not facts["promotions"]:
        return "nothing passed the gate, so nothing was traded"
    gained = facts["production"]["totalReturn"]
    verb = "made" if gained > 0 else "lost"
    return f"the schedule and its gate would have {verb} {abs(gained):.1%} after costs"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.2f}"
