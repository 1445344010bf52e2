"""Templates: what stands in them is text of others, so all of it is escaped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from clm_cli.dashboard import paths
from clm_cli.dashboard.actions import Answer
from clm_cli.output import harmless
from clm_cli.screen import local, moment

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True)
class Frame:
    """What stands around a page.

    Parameters
    ----------
    layout
        ``base.html`` for a whole page, ``fragment.html`` for its ``<main>`` alone.
    topics
        What the page shows: after a change of one of them it fetches itself again.
    revision
        Of the world that it shows.
    user
        Under whose name forms ask; empty while that isn't known.
    once
        Makes what a form counts once by: a new value for each.
    answers
        What became of what was asked on this page.
    """

    layout: str
    path: str
    topics: tuple[str, ...]
    revision: int
    user: str
    once: Callable[[], str]
    answers: tuple[Answer, ...] = ()


def environment() -> Environment:
    """Return the templates; a name that a template lacks is an error."""
    made = Environment(
        loader=PackageLoader("clm_cli.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": ago,
        "local": local,
        "moment": moment,
        "iso": lambda time: "" if time is None else time.isoformat(),
        "number": number,
        "percent": percent,
    }
    made.globals["paths"] = paths
    return made


def rendered(templates: Environment, name: str, context: Mapping[str, Any]) -> str:
    """Return a template with its values."""
    return templates.get_template(name).render(context)


def _shown(value: Any) -> Any:
    """Show nothing for None, and no character that turns or breaks a line."""
    if value is None:
        return ""
    return harmless(value) if type(value) is str else value


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with so many digits; a dash for none."""
    return "–" if value is None else f"{value:z.{digits}f}"


def percent(fraction: float | None, digits: int = 1) -> str:
    """Write a fraction as percent; a dash for none."""
    return "–" if fraction is None else f"{100 * fraction:z.{digits}f} %"


def ago(time: datetime | None, now: datetime) -> str:
    """Write how far a time is from now, in its two largest units; a dash for none."""
    if time is None:
        return "–"
    away = abs(now - time) // timedelta(seconds=1)
    parts: list[str] = []
    for unit, seconds in _UNITS:
        if len(parts) < 2 and (away >= seconds or parts):
            parts.append(f"{away // seconds} {unit}")
            away %= seconds
    text = " ".join(parts) or "0 s"
    return f"in {text}" if time > now else f"{text} ago"
