"""How far a simulation on the cluster is: bars on a terminal, elsewhere a line for each news."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID
from rich.text import Text

from clm_api.model_version import TERMINAL, Phase
from clm_api.reasons import Reason
from clm_api.simulation import SimulatedVariant, SimulationStatus
from clm_cli.cluster import SimulationView
from clm_cli.output import harmless
from clm_cli.screen import moment

Show = Callable[[SimulationView], None]
_WORKS = (Reason.SIMULATING, Reason.REDUCING)
"""Reasons of a simulation that goes on."""


@contextmanager
def progress(out: Console) -> Iterator[Show]:
    """Show each look at a simulation; what holds it up is a line of its own whenever it changes."""
    told: list[str] = []

    def tell(view: SimulationView) -> None:
        now = hindrances(view)
        for line in now:
            if line not in told:
                out.print(Text(line, "yellow"), soft_wrap=True)
        told[:] = now

    with _bars(out) if out.is_terminal else _lines(out) as show:

        def both(view: SimulationView) -> None:
            tell(view)
            show(view)

        yield both


def hindrances(view: SimulationView) -> list[str]:
    """Return what the operator says of a simulation and its variants that do not go on."""
    status = view.status
    found = []
    if status.message and status.phase not in TERMINAL and status.reason not in _WORKS:
        found.append(f"{view.name}: {_because(status.reason, status.message)}")
    return found + [f"{v.name}: {harmless(v.message)}" for v in status.variants if v.message]


def _because(reason: str, message: str) -> str:
    return harmless(": ".join(filter(None, (reason, message))))


@contextmanager
def _lines(out: Console) -> Iterator[Show]:
    said = ""

    def show(view: SimulationView) -> None:
        nonlocal said
        line = _line(view.name, view.status)
        if line != said:
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        said = line

    yield show


def _line(name: str, status: SimulationStatus) -> str:
    if status.observed_generation < 0:
        return f"{name}  waiting for the operator"
    each = "  ".join(f"{v.name} {v.trained}/{v.slots}" for v in status.variants)
    counted = f"{status.percent:3d} %  {status.trained} of {status.slots} versions"
    several = each if len(status.variants) > 1 else ""
    parts = (f"{name}  {counted}", several, status.reason, _end(status))
    return "  ".join(filter(None, parts))


def _end(status: SimulationStatus) -> str:
    end = status.estimated_completion_time
    return "" if end is None else f"ends about {moment(end)}"


@contextmanager
def _bars(out: Console) -> Iterator[Show]:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), "{task.fields[said]}")
    with Progress(*columns, console=out) as bars:
        tasks: dict[str, TaskID] = {}

        def draw(name: str, done: int, all_: int, said: str, *, ended: bool = False) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=None, said="")
            total = all_ or None
            bars.update(tasks[name], completed=done, total=total, said=said, visible=not ended)

        def show(view: SimulationView) -> None:
            status = view.status
            for variant in status.variants if len(status.variants) > 1 else []:
                draw(variant.name, variant.trained, variant.slots, str(variant.phase),
                     ended=_over(variant))  # fmt: skip
            said = "  ".join(filter(None, (status.reason, _end(status))))
            if status.observed_generation < 0:
                said = "waiting for the operator"
            draw("versions", status.trained, status.slots, said)

        yield show


def _over(variant: SimulatedVariant) -> bool:
    return variant.phase is Phase.SUCCEEDED
