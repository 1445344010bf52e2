"""Asks the operator for a move or a run, as the commands and the dashboard do.

Nothing here waits or prints: what is asked stands in the cluster, and the answer is read from the
objects that the operator writes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from clm_api.errors import SpecError
from clm_api.lifecycle import MAX_REASON, Decision, RequestedStage, StageRequest
from clm_api.production import rollback_target
from clm_api.reasons import Reason
from clm_api.schedule_status import HaltedStatus, ProductionStatus
from clm_cli.cluster import Cluster, ScheduleView, VersionView
from clm_cli.screen import moment
from clm_cli.server import ClusterError, NotFoundError

DONE = (
    Reason.PROMOTED,
    Reason.ROLLED_BACK,
    Reason.SHADOW_STARTED,
    Reason.ARCHIVED,
    Reason.HALTED,
)
"""Outcomes of a request that was executed."""


@dataclass(frozen=True)
class Asked:
    """A request that stands on a version until the operator has decided it.

    Parameters
    ----------
    generation
        Of the version with the request: the decision names it.
    """

    version: str
    stage: RequestedStage
    generation: int


@dataclass(frozen=True)
class Wish:
    """What a person wants, and what they saw when they did.

    Parameters
    ----------
    replaces
        The version in production that they saw, "" for none; None: the one that is there now.
    """

    reason: str
    replaces: str | None = None


def promote(cluster: Cluster, version: str, stage: RequestedStage, wish: Wish) -> Asked:
    """Ask that a version moves: into production, into its shadow test, or out of both.

    Raises
    ------
    SpecError
        The reason is empty or too long.
    ClusterError
        The API server refuses.
    """
    reason = _checked(wish.reason)
    replaces = wish.replaces
    if replaces is None:
        owner = cluster.version(version).spec.schedule_ref.name
        replaces = _name(cluster.schedule(owner).status.production)
    return _ask(cluster, version, stage, Wish(reason, replaces))


def roll_back(cluster: Cluster, schedule: str, to: str | None, wish: Wish) -> Asked:
    """Ask for an earlier version, the one before if none is named.

    Raises
    ------
    SpecError
        The reason is empty or too long.
    ClusterError
        There is no earlier version, or it belongs to another schedule.
    """
    reason = _checked(wish.reason)
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
    replaces = _name(status.production) if wish.replaces is None else wish.replaces
    return _ask(cluster, target, RequestedStage.PRODUCTION, Wish(reason, replaces))


def halt(cluster: Cluster, schedule: str, wish: Wish) -> Asked:
    """Ask that production is emptied.

    Raises
    ------
    SpecError
        The reason is empty or too long.
    ClusterError
        Nothing is in production, or its version is gone.
    """
    reason = _checked(wish.reason)
    status = cluster.schedule(schedule).status
    if (present := status.production) is None:
        raise ClusterError(f"{schedule}: nothing is in production{_since(status.halted)}")
    there = present.version
    if wish.replaces not in (None, there):
        raise ClusterError(
            f"{schedule}: {there} is in production by now, not {wish.replaces}: look again"
        )
    try:
        return _ask(cluster, there, RequestedStage.ARCHIVED, Wish(reason, there))
    except NotFoundError as error:
        raise ClusterError(
            f"{there} is in production and its ModelVersion was deleted, so there is nothing to "
            "ask: promote another version, then halt that one"
        ) from error


def decision(version: VersionView, asked: Asked) -> Decision | None:
    """Return what became of a request; None while it stands."""
    found = version.status.promotion
    mine = found is not None and found.observed_generation == asked.generation
    return found if mine and version.spec.request is None else None


def obstacle(version: VersionView) -> str:
    """Return what the operator says that it waits for; empty if it says nothing."""
    conditions = version.status.conditions
    unknown = (c for c in conditions if c.type == "ArtifactVerified" and c.status == "Unknown")
    return next((c.message for c in unknown), "")


def started(
    schedule: ScheduleView, versions: Iterable[VersionView], token: str
) -> VersionView | None:
    """Return the run that a value of the annotation started; None while there is none.

    Raises
    ------
    ClusterError
        The operator has seen the token and refused it.
    """
    status = schedule.status
    for version in versions:
        if version.spec.trigger.reason == token:
            return version
    if status.last_run_token == token:
        said = [s.message for s in status.skipped if token in s.message]
        raise ClusterError(said[-1] if said else f"{schedule.name}: the operator refused the run")
    return None


def _ask(cluster: Cluster, version: str, stage: RequestedStage, wish: Wish) -> Asked:
    """Put a request under the reader's own name on a version."""
    request = StageRequest(
        stage=stage, by=cluster.user(), reason=wish.reason, replaces=wish.replaces
    )
    return Asked(version, stage, cluster.ask_for_stage(version, request))


def _name(present: ProductionStatus | None) -> str:
    return present.version if present else ""


def _checked(reason: str) -> str:
    if 0 < len(reason) <= MAX_REASON:
        return reason
    raise SpecError("--reason", f"has {len(reason)} characters; say why in 1 to {MAX_REASON}")


def _since(halted: HaltedStatus | None) -> str:
    return f" since {moment(halted.since)}, by {halted.by}: {halted.reason}" if halted else ""
