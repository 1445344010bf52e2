"""Each criterion of each version against its threshold over time."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clm_api.promotion import CriterionVerdict, Verdict
from clm_cli.cluster import VersionView
from clm_cli.dashboard.pages.words import figure, plural
from clm_cli.dashboard.paths import version_path
from clm_cli.dashboard.plots.criteria import Judged, criterion
from clm_cli.dashboard.world import key_of

NAMES = {
    "sharpe": "Sharpe ratio",
    "winRate": "win rate",
    "profitFactor": "profit factor",
    "maxDrawdown": "largest drawdown",
    "trades": "closed trades",
    "psr": "probabilistic Sharpe ratio",
    "deflatedSharpe": "deflated Sharpe ratio",
}
"""How people call the criteria."""


@dataclass(frozen=True)
class Gate:
    """One criterion over all versions.

    Parameters
    ----------
    rule
        What it asks of the newest version.
    text
        What the plot shows, in words.
    """

    name: str
    title: str
    rule: str
    text: str
    plot: Markup


def gates(versions: Sequence[VersionView]) -> list[Gate]:
    """Return one small plot for each criterion.

    Parameters
    ----------
    versions
        The newest first.
    """
    oldest = list(reversed(versions))
    names = dict.fromkeys(c.name for v in versions for c in v.status.criteria)
    return [_gate(name, oldest) for name in names]


def _gate(name: str, versions: Sequence[VersionView]) -> Gate:
    rows = [(v, c) for v in versions for c in v.status.criteria if c.name == name]
    last = rows[-1][1]
    passed = sum(c.verdict is Verdict.PASSED for _, c in rows)
    undefined = sum(c.value is None for _, c in rows)
    title = NAMES.get(name, name)
    text = f"{passed} of {plural(len(rows), 'version')} passed; the newest: {_said(last)}."
    if undefined:
        text += f" {plural(undefined, 'version')} without a value."
    plot = criterion(name, f"{title} of each version", [_judged(v, c) for v, c in rows], text)
    return Gate(name, title, f"{last.operator} {last.threshold:zg}", text, plot)


def _judged(version: VersionView, row: CriterionVerdict) -> Judged:
    return Judged(
        at=version.spec.slot.timestamp(),
        value=row.value,
        threshold=row.threshold,
        passed=row.verdict is Verdict.PASSED,
        said=f"{version.name}: {_said(row)}",
        link=version_path(key_of(version)),
    )


def _said(row: CriterionVerdict) -> str:
    verdict = row.verdict.lower()
    if row.value is None:
        return f"{verdict}, {row.message or 'undefined'}"
    return f"{figure(row.value)}, {verdict}"
