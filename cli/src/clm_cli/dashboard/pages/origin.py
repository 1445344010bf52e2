"""Where a version comes from: trigger, data, digests, image, and whom it followed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clm_cli.cluster import VersionView
from clm_cli.dashboard.pages.words import plural
from clm_cli.dashboard.paths import version_path
from clm_cli.dashboard.world import Key, World, key_of
from clm_cli.screen import local


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a version's origin.

    Parameters
    ----------
    link
        The page that it names; empty for none.
    code
        Whether it is an address, a digest or a name of an image.
    """

    name: str
    value: str
    link: str = ""
    code: bool = False


def origin(view: VersionView, world: World) -> Sequence[Fact]:
    """Return what the version was made of."""
    return [fact for fact in (*_asked(view), *_used(view), *_relatives(view, world)) if fact.value]


def _asked(view: VersionView) -> Iterator[Fact]:
    run, trigger = view.spec.run, view.spec.trigger
    yield Fact("trigger", f"{trigger.type}: {trigger.reason}".rstrip(": "))
    yield Fact("slot", local(view.spec.slot))
    yield Fact("family", f"{run.model.family}, seed {run.model.seed}")
    yield Fact("symbols", f"{' '.join(run.data.symbols)} · {run.data.timeframe}")
    yield Fact("exchange", f"{run.data.venue}, {run.data.market}")
    yield Fact("image", run.pod.image, code=True)


def _used(view: VersionView) -> Iterator[Fact]:
    status = view.status
    if (data := status.data) is not None:
        gaps = f", {plural(data.gaps, 'gap')}" if data.gaps else ", no gaps"
        span = f"{data.from_:%Y-%m-%d %H:%M} to {data.to:%Y-%m-%d %H:%M} UTC"
        yield Fact("data", f"{span}, {plural(data.bars, 'bar')}{gaps}")
        yield Fact("of the data", data.message)
        yield Fact("sha256 of the data", data.sha256, code=True)
    if status.trained_until is not None:
        yield Fact("trained until", local(status.trained_until))
    if (artifact := status.artifact) is not None:
        yield Fact("manifest", artifact.uri, code=True)
        yield Fact("sha256 of the manifest", artifact.sha256, code=True)
        yield Fact("size", f"{artifact.size_bytes / 1e6:.1f} MB")
    elif status.run_uri is not None:
        yield Fact("folder", status.run_uri, code=True)
    if status.attempt > 1:
        yield Fact("pods", f"{status.attempt}: the first ones were lost")


def _relatives(view: VersionView, world: World) -> Iterator[Fact]:
    key, status = key_of(view), view.status
    if status.promotion is not None and status.promotion.replaced:
        name = status.promotion.replaced
        other = Key(key.namespace, name)
        yield Fact("replaced", name, version_path(other) if other in world.single else "")
    if (before := status.restored) is not None:
        yield Fact("restored", f"stands in the place of a version of before: {before.uid}")
