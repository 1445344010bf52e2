"""``clm promote``, ``rollback`` and ``halt``: ask who is in production and wait for the answer."""

import time
from typing import Annotated

import typer

from clm_api.errors import ClmError
from clm_api.lifecycle import Decision, RequestedStage
from clm_api.reasons import Reason
from clm_cli import asking
from clm_cli.asking import Asked, Wish
from clm_cli.cluster import Cluster, ClusterError, VersionView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, waiting

_POLL_S = 0.5
_PATIENCE_S = 120.0

Why = Annotated[str, typer.Option("--reason", help="Why; kept in the history for good.")]


def promote(
    version: Annotated[str, typer.Argument(metavar="MV", help="Name of a ModelVersion.")],
    reason: Why,
    *,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Test it first, on the bars after its training."),
    ] = False,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put a candidate into production, or an archived version again; it ends a halt, too.

    Exit code 0 only if it is there. It is refused if another version came into production since
    you asked, and if one byte of the version's files differs from what was judged. With --shadow
    its shadow test begins instead, and exit code 0 means that it has; "clm status TS" shows it.

    Plain kubectl: kubectl patch mv MV --type=merge -p '{"spec": {"request": {"stage":
    "PRODUCTION", "by": "YOU", "reason": "WHY", "replaces": "OTHER-MV"}}}'; YOU is what kubectl
    auth whoami prints; stage SHADOW begins a test, ARCHIVED ends one or withdraws a candidate
    """
    cluster = Cluster(namespace)
    stage = RequestedStage.SHADOW if shadow else RequestedStage.PRODUCTION
    _follow(cluster, asking.promote(cluster, version, stage, Wish(reason)), output)


def rollback(
    schedule: Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")],
    reason: Why,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="MV", help="An archived version; the one before if absent."),
    ] = None,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put an earlier version back into production.

    Exit code 0 only if it is there. Left out are versions that were rolled back from, halted or
    stood down, and those that are gone.
    Nothing is fetched or trained: it works while the exchange is down.

    Plain kubectl: as for promote, on the archived version; kubectl get tsched TS -o yaml shows
    status.previous
    """
    cluster = Cluster(namespace)
    _follow(cluster, asking.roll_back(cluster, schedule, to, Wish(reason)), output)


def halt(
    schedule: Annotated[str, typer.Argument(metavar="TS", help="Name of a TrainingSchedule.")],
    reason: Why,
    namespace: Namespace = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Empty production: bots hold nothing until a person promotes a version.

    Exit code 0 only if it is empty. Mode Automatic promotes nothing until then; runs, tests and
    replays of a version in its shadow test go on. "clm promote" ends it, with the same version or
    another one.

    Plain kubectl: kubectl patch mv MV --type=merge -p '{"spec": {"request": {"stage": "ARCHIVED",
    "by": "YOU", "reason": "WHY", "replaces": "MV"}}}'; MV is the version in production
    """
    cluster = Cluster(namespace)
    _follow(cluster, asking.halt(cluster, schedule, Wish(reason)), output)


def _follow(cluster: Cluster, asked: Asked, output: Output) -> None:
    """Wait for the answer, and print it."""
    version = asked.version
    decided, decision = _decided(cluster, asked)
    if decision.outcome not in asking.DONE:
        raise ClmError(Reason(decision.outcome), f"{version}: {decision.message}")
    if output is Output.JSON:
        print_document(decided.raw)
        return
    verb = " is " if asked.stage is RequestedStage.PRODUCTION else ": "
    console.print(f"{decision.outcome}: {version}{verb}{decision.message}", soft_wrap=True)


def _decided(cluster: Cluster, asked: Asked) -> tuple[VersionView, Decision]:
    """Wait until the operator has executed or refused the request, and removed it."""
    started, version = time.monotonic(), asked.version
    with waiting() as say:
        while True:
            seen = cluster.version(version)
            if (decision := asking.decision(seen, asked)) is not None:
                return seen, decision
            why = asking.obstacle(seen)
            if time.monotonic() - started > _PATIENCE_S:
                break
            say(f"{version}: {why}" if why else "waiting for the operator")
            time.sleep(_POLL_S)
    raise ClusterError(
        f"{version}: undecided for {_PATIENCE_S:.0f} s: "
        + (why or 'does the operator run? See "kubectl get pods -A -l app.kubernetes.io/name=clm"')
        + f'; the request stays, "kubectl describe mv {version}" shows what becomes of it'
    )
