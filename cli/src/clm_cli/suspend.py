"""``clm suspend`` and ``clm resume``: no slot is due, or slots are due again."""

from typing import Annotated

import typer

from clm_cli.cluster import Cluster, ScheduleView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document

_Schedule = Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")]


def suspend(
    schedule: _Schedule, namespace: Namespace = None, output: OutputOption = Output.TEXT
) -> None:
    """Start no run until the schedule is resumed.

    Active runs and production stay as they are.

    Plain kubectl: kubectl patch tsched TS --type=merge -p '{"spec": {"suspend": true}}'
    """
    changed = Cluster(namespace).suspend(schedule, suspend=True)
    said = f'{schedule} is suspended; "clm run {schedule}" starts a run by hand'
    _tell(changed, said, output)


def resume(
    schedule: _Schedule, namespace: Namespace = None, output: OutputOption = Output.TEXT
) -> None:
    """Let slots come due again.

    Plain kubectl: kubectl patch tsched TS --type=merge -p '{"spec": {"suspend": false}}'
    """
    changed = Cluster(namespace).suspend(schedule, suspend=False)
    _tell(changed, f"{schedule} is resumed", output)


def _tell(changed: ScheduleView, said: str, output: Output) -> None:
    if output is Output.JSON:
        print_document(changed.raw)
    else:
        console.print(said, soft_wrap=True)
