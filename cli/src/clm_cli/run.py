"""``clm run``: start a run now and follow it to its verdict."""

import time
import uuid
from typing import Annotated

import typer
from rich.console import Group

from clm_api.model_version import TERMINAL, Phase
from clm_cli.asking import started
from clm_cli.cluster import RUN_NOW, Cluster, ScheduleView, VersionView
from clm_cli.options import Namespace
from clm_cli.output import (
    Output,
    OutputOption,
    console,
    errors,
    fail,
    print_document,
    show,
    waiting,
)
from clm_cli.queues import reason_of
from clm_cli.screen import hindrance, verdicts

POLL_S = 2.0
_PATIENCE_S = 60.0


def run(
    schedule: Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")],
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start a run of a schedule now and follow it to its verdict.

    Exit code 0 only if it succeeds. Interrupting the command doesn't stop the run.

    Plain kubectl: kubectl annotate tsched TS clm.dev/run-now=TOKEN --overwrite; kubectl get mv -w
    """
    cluster = Cluster(namespace)
    token = f"cli-{uuid.uuid4().hex}"
    cluster.ask_for_run(schedule, token)
    errors.print(f"asked for a run of {schedule} ({RUN_NOW}={token})", highlight=False)
    version = _followed(cluster, schedule, token)
    status = version.status
    if output is Output.JSON:
        print_document(version.raw)
    if status.phase is not Phase.SUCCEEDED:
        fail(f"{version.name}: {status.reason}: {status.message}")
        raise typer.Exit(1)
    if output is Output.JSON:
        return
    show(Group(*verdicts(version)))
    if status.report_uri:
        console.print(f"report: {status.report_uri}", soft_wrap=True, highlight=False)


def _followed(cluster: Cluster, schedule: str, token: str) -> VersionView:
    """Wait for the token's version to end, with a progress line."""
    began, warned, told = time.monotonic(), False, ""
    with waiting() as say:
        while True:
            owner = cluster.schedule(schedule)
            version = started(owner, cluster.versions(owner.name), token)
            if version is not None and version.status.phase in TERMINAL:
                return version
            why = _hindrance(owner, version)
            if why and why != told:
                errors.print(why, style="yellow", markup=False, highlight=False, soft_wrap=True)
            told = why
            say(_progress(version))
            if version is None and not (warned or why) and time.monotonic() - began > _PATIENCE_S:
                warned = True
                errors.print(
                    "no version yet after a minute: does the operator run? "
                    'See "kubectl get pods -A -l app.kubernetes.io/name=clm"'
                )
            time.sleep(POLL_S)


def _hindrance(owner: ScheduleView, version: VersionView | None) -> str:
    """Return what keeps the run from being made, beginning or going on; empty if nothing does."""
    if version is not None:
        why = hindrance(version)
        return f"{version.name}: {why}" if why else ""
    by_hand = [held for held in owner.status.held if held.name.startswith(f"{owner.name}-m-")]
    return "".join(f"{held.name} is held back: {held.reason}: {held.message}" for held in by_hand)


def _progress(version: VersionView | None) -> str:
    if version is None:
        return "waiting for the operator"
    status = version.status
    if status.progress is None:
        return f"{version.name}  {status.phase}  {reason_of(status)}"
    eta = status.progress.eta_seconds
    rest = "" if eta is None else f"  {eta} s to go"
    done = f"{status.progress.percent:3d} %  {status.progress.stage}"
    return f"{version.name}  {done}  {status.progress.message}{rest}"
