"""``clm suspend`` and ``clm resume``: no slot is due, or slots are due again."""

from typing import Annotated

import typer

from clm_cli.cluster import Cluster
from clm_cli.output import console
from clm_cli.status import Namespace

_Schedule = Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")]


def suspend(schedule: _Schedule, namespace: Namespace = None) -> None:
    """Start no run until the schedule is resumed; active runs and production stay as they are.

    Plain kubectl: kubectl patch tsched TS --type=merge -p '{"spec": {"suspend": true}}'
    """
    Cluster(namespace).suspend(schedule, suspend=True)
    console.print(f"{schedule} is suspended; clm run starts a run by hand", soft_wrap=True)


def resume(schedule: _Schedule, namespace: Namespace = None) -> None:
    """Let slots come due again.

    Plain kubectl: kubectl patch tsched TS --type=merge -p '{"spec": {"suspend": false}}'
    """
    Cluster(namespace).suspend(schedule, suspend=False)
    console.print(f"{schedule} is resumed", soft_wrap=True)
