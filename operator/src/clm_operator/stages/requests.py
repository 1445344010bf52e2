"""Why a person's request is refused: rules in the order in which they are looked at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from clm_api.lifecycle import RequestedStage, Stage, StageRequest
from clm_api.reasons import Reason
from clm_api.schedule_status import ProductionStatus
from clm_operator.facts import Want
from clm_operator.findings import CorruptReport, Report, ReportRead
from clm_operator.mirror.objects import Version
from clm_operator.stages.lifecycle import into_production, was_in_production


@dataclass(frozen=True)
class Ask:
    """A want and what it is held against.

    Parameters
    ----------
    judges_only
        Whether the schedule's mode is DryRun.
    verified
        Outcome of digesting the version's files anew.
    tested
        Name of the version that is in its shadow test.
    """

    want: Want
    production: ProductionStatus | None
    judges_only: bool
    verified: ReportRead
    tested: str | None = None


@dataclass(frozen=True)
class Refusal:
    """Why not, and what to do."""

    reason: Reason
    message: str


def already_in_production(ask: Ask) -> Refusal | None:
    """What is there can't go there."""
    now = ask.production
    if now is None or not names(now, ask.want.version):
        return None
    text = f"it has been in production since {now.since:%Y-%m-%d %H:%M} UTC"
    return Refusal(Reason.PROMOTION_REFUSED, text)


def never_passed_the_criteria(ask: Ask) -> Refusal | None:
    """Only what passed the criteria can ever go into production."""
    status = ask.want.version.status
    if into_production(status) is not None and status.artifact is not None:
        return None
    can = "only a CANDIDATE, a SHADOW or an ARCHIVED version can go there"
    text = f"its stage is {status.stage}: {can}"
    return Refusal(Reason.PROMOTION_REFUSED, text)


def schedule_judges_only(ask: Ask) -> Refusal | None:
    """DryRun never goes further; going back to what was there before is no step further."""
    if not ask.judges_only or was_in_production(ask.want.version.status):
        return None
    text = "the schedule's spec.promotion.mode is DryRun: set it to Manual"
    return Refusal(Reason.PROMOTION_REFUSED, text)


def another_version_in_production(ask: Ask) -> Refusal | None:
    """Who asks must have seen what they replace."""
    present = ask.production.version if ask.production else ""
    replaces = ask.want.request.replaces if ask.want.request else None
    if replaces is None or replaces == present:
        return None
    seen, there = replaces or "nothing", present or "nothing"
    text = f"the request replaces {seen}, but {there} is in production: look at it and ask again"
    return Refusal(Reason.PROMOTION_CONFLICT, text)


def files_differ(ask: Ask) -> Refusal | None:
    """Not a byte may differ from what was judged."""
    artifact, found = ask.want.version.status.artifact, ask.verified
    if isinstance(found, CorruptReport):
        return Refusal(Reason.ARTIFACT_CORRUPT, found.message)
    if found is None:
        return Refusal(Reason.ARTIFACT_CORRUPT, "the store holds no manifest of it any more")
    if isinstance(found, Report) and artifact and found.manifest_sha256 != artifact.sha256:
        text = f"its manifest's sha256 is {found.manifest_sha256}, judged was {artifact.sha256}"
        return Refusal(Reason.ARTIFACT_CORRUPT, text)
    return None


def halts_by_accident(ask: Ask) -> Refusal | None:
    """A version may have come into production since somebody wanted to withdraw it."""
    name, request = ask.want.version.name, ask.want.request
    if not halts(ask.want, ask.production) or request is None or request.replaces == name:
        return None
    text = (
        f'it is in production: if bots are to hold nothing, ask again with replaces: "{name}" '
        "(clm halt); else promote another version, which archives this one"
    )
    return Refusal(Reason.PROMOTION_REFUSED, text)


def left_production_meanwhile(ask: Ask) -> Refusal | None:
    """Who halts a version must have seen it in production."""
    name, request = ask.want.version.name, ask.want.request
    if halts(ask.want, ask.production) or request is None or request.replaces != name:
        return None
    there = ask.production.version if ask.production else "nothing"
    text = f"the request halts {name}, but {there} is in production: look at it and ask again"
    return Refusal(Reason.PROMOTION_CONFLICT, text)


def only_candidates_are_withdrawn(ask: Ask) -> Refusal | None:
    """What is neither candidate nor in production has nothing to be withdrawn from."""
    status = ask.want.version.status
    if status.stage in (Stage.CANDIDATE, Stage.SHADOW) or halts(ask.want, ask.production):
        return None
    can = "only a CANDIDATE, a SHADOW or what is in PRODUCTION can be withdrawn"
    text = f"its stage is {ask.want.version.status.stage}: {can}"
    return Refusal(Reason.PROMOTION_REFUSED, text)


def only_candidates_are_tested(ask: Ask) -> Refusal | None:
    """What was in production, or rejected, has nothing to prove or can't."""
    if ask.want.version.status.stage is Stage.CANDIDATE:
        return None
    text = f"its stage is {ask.want.version.status.stage}: only a CANDIDATE can be tested"
    return Refusal(Reason.PROMOTION_REFUSED, text)


def another_version_is_tested(ask: Ask) -> Refusal | None:
    """One at a time, or the risk of a lucky one grows."""
    if ask.tested is None:
        return None
    text = f"{ask.tested} is in its shadow test: withdraw it (stage ARCHIVED), or wait"
    return Refusal(Reason.PROMOTION_REFUSED, text)


Rule = Callable[[Ask], Refusal | None]
RULES: dict[RequestedStage, tuple[Rule, ...]] = {
    RequestedStage.PRODUCTION: (
        already_in_production,
        never_passed_the_criteria,
        schedule_judges_only,
        another_version_in_production,
        files_differ,
    ),
    RequestedStage.SHADOW: (
        only_candidates_are_tested,
        schedule_judges_only,
        another_version_is_tested,
    ),
    RequestedStage.ARCHIVED: (
        halts_by_accident,
        left_production_meanwhile,
        only_candidates_are_withdrawn,
    ),
}


def refusal(ask: Ask) -> Refusal | None:
    """Return the first reason against a want."""
    found = (rule(ask) for rule in RULES[ask.want.stage])
    return next((r for r in found if r is not None), None)


def names(production: ProductionStatus, version: Version) -> bool:
    """Whether the pointer means this version: a name alone can come again, a digest can't."""
    artifact = version.status.artifact
    same = artifact is not None and artifact.sha256 == production.artifact.sha256
    return same and production.version == version.name


def halts(want: Want, production: ProductionStatus | None) -> bool:
    """Whether a want empties production."""
    archives = want.stage is RequestedStage.ARCHIVED
    return archives and production is not None and names(production, want.version)


def is_missing(production: ProductionStatus | None, versions: Iterable[Version]) -> bool:
    """Whether the version in production was deleted."""
    return production is not None and not any(names(production, v) for v in versions)


def undecided(version: Version) -> StageRequest | None:
    """Return the request that nobody has decided yet."""
    if version.spec is None or version.spec.request is None or decided(version):
        return None
    return version.spec.request


def decided(version: Version) -> bool:
    """Whether a request is there whose outcome is on record."""
    asked = version.spec is not None and version.spec.request is not None
    last = version.status.promotion
    return asked and last is not None and last.observed_generation == version.generation


def can_be_promoted(version: Version, production: ProductionStatus | None) -> bool:
    """Whether a way leads into production: only then its files are of interest."""
    there = production is not None and names(production, version)
    return not there and into_production(version.status) is not None
