"""``clm promote``, ``rollback`` and ``halt``: ask who is in production and wait for the answer."""

import time
from typing import Annotated

import typer

from clm_api.errors import ClmError, SpecError
from clm_api.lifecycle import MAX_REASON, RequestedStage, StageRequest
from clm_api.production import rollback_target
from clm_api.reasons import Reason
from clm_api.schedule_status import HaltedStatus, ProductionStatus
from clm_cli.cluster import Cluster, ClusterError, VersionView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, waiting
from clm_cli.screen import moment
from clm_cli.server import NotFoundError

_POLL_S = 0.5
_PATIENCE_S = 120.0
_DONE = (Reason.PROMOTED, Reason.ROLLED_BACK, Reason.SHADOW_STARTED, Reason.HALTED)

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
    owner = cluster.version(version).spec.schedule_ref.name
    stage = RequestedStage.SHADOW if shadow else RequestedStage.PRODUCTION
    present = cluster.schedule(owner).status.production
    _ask(cluster, version, _wish(cluster, stage, reason, present), output)


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
    status = cluster.schedule(schedule).status
    target = to or rollback_target(status, {v.name for v in cluster.versions(schedule)})
    if target is None:
        raise ClusterError(
            f"{schedule}: no earlier version to roll back to; name an archived one with --to "
            f'(see "clm list {schedule}")'
        )
    owner = cluster.version(target).spec.schedule_ref.name
    if owner != schedule:
        raise ClusterError(f"{target} belongs to {owner}, not to {schedule}")
    wish = _wish(cluster, RequestedStage.PRODUCTION, reason, status.production)
    _ask(cluster, target, wish, output)


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
    status = cluster.schedule(schedule).status
    if (present := status.production) is None:
        raise ClusterError(f"{schedule}: nothing is in production{_since(status.halted)}")
    wish = _wish(cluster, RequestedStage.ARCHIVED, reason, present)
    try:
        _ask(cluster, present.version, wish, output)
    except NotFoundError as error:
        raise ClusterError(
            f"{present.version} is in production and its ModelVersion was deleted, so there is "
            "nothing to ask: promote another version, then halt that one"
        ) from error


def _since(halted: HaltedStatus | None) -> str:
    return f" since {moment(halted.since)}, by {halted.by}: {halted.reason}" if halted else ""


def _wish(
    cluster: Cluster, stage: RequestedStage, reason: str, present: ProductionStatus | None
) -> StageRequest:
    """Return a request under the reader's own name, replacing what they see now."""
    replaces = present.version if present else ""
    return StageRequest(stage=stage, by=cluster.user(), reason=_checked(reason), replaces=replaces)


def _ask(cluster: Cluster, version: str, request: StageRequest, output: Output) -> None:
    """Ask, and wait for the answer."""
    generation = cluster.ask_for_stage(version, request)
    decided = _decided(cluster, version, generation)
    decision = decided.status.promotion
    assert decision is not None
    if decision.outcome not in _DONE:
        raise ClmError(Reason(decision.outcome), f"{version}: {decision.message}")
    if output is Output.JSON:
        print_document(decided.raw)
        return
    verb = " is " if request.stage is RequestedStage.PRODUCTION else ": "
    console.print(f"{decision.outcome}: {version}{verb}{decision.message}", soft_wrap=True)


def _checked(reason: str) -> str:
    if 0 < len(reason) <= MAX_REASON:
        return reason
    raise SpecError("--reason", f"has {len(reason)} characters; say why in 1 to {MAX_REASON}")


def _decided(cluster: Cluster, version: str, generation: int) -> VersionView:
    """Wait until the operator has executed or refused the request, and removed it."""
    started = time.monotonic()
    with waiting() as say:
        while True:
            seen = cluster.version(version)
            decision = seen.status.promotion
            mine = decision is not None and decision.observed_generation == generation
            if mine and seen.spec.request is None:
                return seen
            why = _obstacle(seen)
            if time.monotonic() - started > _PATIENCE_S:
                break
            say(f"{version}: {why}" if why else "waiting for the operator")
            time.sleep(_POLL_S)
    raise ClusterError(
        f"{version}: undecided for {_PATIENCE_S:.0f} s: "
        + (why or 'does the operator run? See "kubectl get pods -A -l app.kubernetes.io/name=clm"')
        + f'; the request stays, "kubectl describe mv {version}" shows what becomes of it'
    )


def _obstacle(version: VersionView) -> str:
    """Return what the operator says that it waits for; empty if it says nothing."""
    conditions = version.status.conditions
    unknown = (c for c in conditions if c.type == "ArtifactVerified" and c.status == "Unknown")
    return next((c.message for c in unknown), "")
