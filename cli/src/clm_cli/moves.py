"""``clm promote`` and ``clm rollback``: ask for a version in production and wait for the answer."""

import time
from typing import Annotated

import typer

from clm_api.errors import ClmError, SpecError
from clm_api.lifecycle import MAX_REASON, RequestedStage, StageRequest
from clm_api.production import rollback_target
from clm_api.reasons import Reason
from clm_cli.cluster import Cluster, ClusterError, VersionView
from clm_cli.options import Namespace
from clm_cli.output import Output, OutputOption, console, print_document, waiting

_POLL_S = 0.5
_PATIENCE_S = 120.0
_DONE = (Reason.PROMOTED, Reason.ROLLED_BACK, Reason.SHADOW_STARTED)

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
    """Put a candidate into production.

    Exit code 0 only if it is there. It is refused if another version came into production since
    you asked, and if one byte of the version's files differs from what was judged. With --shadow
    its shadow test begins instead, and exit code 0 means that it has; "clm status TS" shows it.

    Plain kubectl: kubectl patch mv MV --type=merge -p '{"spec": {"request": {"stage":
    "PRODUCTION", "by": "YOU", "reason": "WHY", "replaces": "OTHER-MV"}}}'; YOU is what kubectl
    auth whoami prints; stage SHADOW begins a test, ARCHIVED ends one or withdraws a candidate
    """
    cluster = Cluster(namespace)
    wanted = cluster.version(version)
    stage = RequestedStage.SHADOW if shadow else RequestedStage.PRODUCTION
    _ask(cluster, wanted.spec.schedule_ref.name, version, reason, output, stage)


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

    Exit code 0 only if it is there. Versions that were rolled back from, or are gone, are left out.
    Nothing is fetched or trained: it works while the exchange is down.

    Plain kubectl: as for promote, on the archived version; kubectl get tsched TS -o yaml shows
    status.previous
    """
    cluster = Cluster(namespace)
    target = to or _target(cluster, schedule)
    if target is None:
        raise ClusterError(
            f"{schedule}: no earlier version to roll back to; name an archived one with --to "
            f'(see "clm list {schedule}")'
        )
    owner = cluster.version(target).spec.schedule_ref.name
    if owner != schedule:
        raise ClusterError(f"{target} belongs to {owner}, not to {schedule}")
    _ask(cluster, schedule, target, reason, output)


def _target(cluster: Cluster, schedule: str) -> str | None:
    existing = {version.name for version in cluster.versions(schedule)}
    return rollback_target(cluster.schedule(schedule).status, existing)


def _ask(
    cluster: Cluster,
    schedule: str,
    version: str,
    reason: str,
    output: Output,
    stage: RequestedStage = RequestedStage.PRODUCTION,
) -> None:
    """Ask under the reader's own name, replacing what they see now."""
    present = cluster.schedule(schedule).status.production
    request = StageRequest(
        stage=stage,
        by=cluster.user(),
        reason=_checked(reason),
        replaces=present.version if present else "",
    )
    generation = cluster.ask_for_stage(version, request)
    decided = _decided(cluster, version, generation)
    decision = decided.status.promotion
    assert decision is not None
    if decision.outcome not in _DONE:
        raise ClmError(Reason(decision.outcome), f"{version}: {decision.message}")
    if output is Output.JSON:
        print_document(decided.raw)
        return
    verb = ": " if stage is RequestedStage.SHADOW else " is "
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
