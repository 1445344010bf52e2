"""``clm signals``: what to hold now, as the version in production has decided."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from clm_api.signal import Signal
from clm_cli.cluster import Cluster, ScheduleView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, show, warn
from clm_cli.screen import local, now_utc
from clm_cli.tables import table_of


def signals(
    schedule: Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with each new decision.")
    ] = False,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the newest positions of what is in production: fractions of each symbol's sleeve.

    With -f until interrupted. The store has the same in signals/NAMESPACE/TS.json.

    Plain kubectl: kubectl get tsched TS -o jsonpath='{.status.signal}'
    """
    cluster = Cluster(namespace)
    seen = cluster.watched(schedule) if follow else iter((cluster.schedule(schedule),))
    for one, is_over in _news(seen):
        if output is Output.JSON:
            print_document(_document(one, is_over=is_over))
        else:
            _show(one, is_over=is_over)


def _news(seen: Iterator[ScheduleView]) -> Iterator[tuple[ScheduleView, bool]]:
    """Yield a schedule whenever it has other positions, or when their time is over."""
    said: object = None
    for one in seen:
        made, production = one.status.signal, one.status.production
        is_over = made is not None and _is_over(made, now_utc())
        news = (made, is_over, None if made or production is None else production.version)
        if news != said:
            yield one, is_over
        said = news


def _is_over(made: Signal, now: datetime) -> bool:
    return made.valid_until is not None and made.valid_until <= now


def _document(one: ScheduleView, *, is_over: bool) -> dict[str, Any]:
    made = one.status.signal
    said = {"positions": []} if made is None else made.to_json_dict()
    return {"schedule": one.name, **said, "isOver": is_over}


def _show(one: ScheduleView, *, is_over: bool) -> None:
    made, production = one.status.signal, one.status.production
    if made is None:
        why = "nothing is in production"
        if production is not None:
            why = f"{production.version} has not decided yet: its first replay tells its positions"
        console.print(Text(f"{one.name}: {why}"), soft_wrap=True)
        return
    whose = made.version or "nothing in production"
    until = f", valid until {local(made.valid_until)}" if made.valid_until else ""
    console.print(Text(f"{whose}  decided {local(made.decided_at)}{until}"), soft_wrap=True)
    rows = ((held.symbol, f"{held.position:z.4g}") for held in made.positions)
    show(table_of(("symbol", "position"), rows))
    if is_over:
        newest = one.status.replay
        why = f": {newest.reason}: {newest.message}" if newest and newest.reason else ""
        warn(f"their time is over: a newer decision is due; the newest replay{why}")
