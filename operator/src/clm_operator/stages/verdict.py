"""The verdict of a shadow test: what a replay shows, held against rules that were frozen before.

It falls at the first look that has enough trades and can tell. Looks and rules are frozen in the
version, so nobody moves the goalposts while the test runs.
"""

from dataclasses import dataclass

from clm_api.model_version import ShadowVerdict
from clm_api.promotion import Verdict, judge
from clm_api.replay import EXACT, Look, ShadowReplay
from clm_api.run import RunPromotion


@dataclass(frozen=True)
class Finding:
    """A verdict, None while the bars can't tell, and what it rests on."""

    verdict: ShadowVerdict | None
    message: str
    look: Look | None = None


def find(shadow: ShadowReplay, rules: RunPromotion) -> Finding:
    """Return the verdict on what a test has shown so far."""
    if shadow.replay_mismatch > EXACT:
        text = (
            f"positions worked out bar by bar differ by up to {shadow.replay_mismatch:.3g} from "
            f"those of its batch replay, first at {shadow.mismatch_at:%Y-%m-%d %H:%M} UTC: a "
            "feature uses the future, or the bars were changed afterwards"
        )
        return Finding(ShadowVerdict.FAILED, text)
    risk = (1 - rules.champion.confidence) / shadow.looks_planned
    newest, alone = None, False
    for look in shadow.looks:
        newest = look
        if look.metrics.get("trades", 0) < rules.shadow.min_trades:
            continue
        if shadow.champion is None:
            alone = True
            break
        if (held := _against(look, shadow.champion, risk)) is not None:
            return held
    if newest is None or not alone:
        return Finding(None, _so_far(shadow, newest, rules, risk), newest)
    return _alone(newest, rules)


def _alone(look: Look, rules: RunPromotion) -> Finding:
    """Nothing is in production: the version's own criteria, on the bars of the test."""
    criteria = rules.criteria.having(min_trades=rules.shadow.min_trades)
    judged = judge(look.metrics, look.undefined, criteria, rules.significance)
    passed = all(v.verdict is Verdict.PASSED for v in judged.verdicts)
    verdict = ShadowVerdict.PASSED if passed else ShadowVerdict.FAILED
    return Finding(verdict, f"on {look.bars} bars after its training: {judged.message}", look)


def _against(look: Look, champion: str, risk: float) -> Finding | None:
    if look.p_not_worse is None or look.p_worse is None:
        return None
    of = f"on {look.bars} bars against {champion}"
    if look.p_not_worse <= risk:
        text = f"not worse {of}: p {look.p_not_worse:.4f} ≤ {risk:.4f}"
        return Finding(ShadowVerdict.PASSED, text, look)
    if look.p_worse <= risk:
        text = f"worse {of}: p {look.p_worse:.4f} ≤ {risk:.4f}"
        return Finding(ShadowVerdict.FAILED, text, look)
    return None


def _so_far(shadow: ShadowReplay, look: Look | None, rules: RunPromotion, risk: float) -> str:
    trades = shadow.metrics.get("trades", 0)
    told = f"{shadow.bars} bars and {trades:.0f} trades so far"
    if look is None:
        return f"{told}; the first look is at {rules.shadow.min_bars} bars"
    if look.problem:
        return f"{told}; no comparison with {shadow.champion}: {look.problem}"
    if look.p_not_worse is not None:
        told += f"; on {look.bars} bars p {look.p_not_worse:.4f}, {risk:.4f} passes"
    least = rules.shadow.min_trades
    short = look.metrics.get("trades", 0) < least
    return f"{told}; a look needs {least} trades" if short else told
