"""The promotion criteria and how a version is judged by them; used by operator and trainer."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import Cut, Model, Rounded, StatusModel
from clm_api.reasons import Reason


class PromotionMode(StrEnum):
    """How far a version may go without a person."""

    MANUAL = "Manual"
    """Judged; stops at CANDIDATE."""
    AUTOMATIC = "Automatic"
    """A candidate goes into a shadow test, and into production if it passes."""
    DRY_RUN = "DryRun"
    """Judged; never goes further, whatever the verdict."""


class Criteria(Model):
    """Thresholds that a version's out-of-sample metrics must all meet."""

    min_sharpe: Annotated[float, Field(ge=-10, le=100)] = 1.0
    """Smallest annualised Sharpe ratio, net of costs."""
    min_win_rate: Annotated[float, Field(ge=0, le=1)] = 0.52
    """Smallest share of closed trades with a net profit."""
    min_profit_factor: Annotated[float, Field(ge=0, le=100)] = 1.3
    """Smallest ratio of the sum of wins to the sum of losses, net."""
    max_drawdown: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Largest fall of equity from its running maximum, as a fraction."""
    min_trades: Annotated[int, Field(ge=0, le=1000000)] = 50
    """Smallest number of closed trades in the evaluation window."""


class Significance(Model):
    """Extra gates on how much the Sharpe ratio is worth; a null one asks for nothing."""

    min_psr: Annotated[float, Field(ge=0, le=1)] | None = None
    """Smallest probabilistic Sharpe ratio, such as 0.95: rejects most lucky noise."""
    min_deflated_sharpe: Annotated[float, Field(ge=0, le=1)] | None = None
    """Smallest deflated Sharpe ratio, such as 0.95: also discounts the number of trials."""


class ShadowSpec(Model):
    """The test of a candidate on bars that came after its training."""

    enabled: bool = True
    """Whether mode Automatic asks for the test; without it a candidate is promoted at once."""
    min_bars: Annotated[int, Field(ge=1, le=100000)] = 168
    """Bars of the first look at the result; each further look waits for twice as many."""
    min_trades: Annotated[int, Field(ge=0, le=100000)] = 5
    """Closed trades without which a look decides nothing."""
    max_days: Annotated[int, Field(ge=1, le=365)] = 30
    """A test without a verdict after so many days ends Inconclusive: back to CANDIDATE."""


class ChampionSpec(Model):
    """How a candidate in its shadow test is held against the version in production."""

    margin: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Net return a year, as a fraction of equity, that it may be worse; 0 asks it to be better."""
    confidence: Annotated[float, Field(ge=0.5, le=0.9999)] = 0.95
    """How sure that must be; the risk of error, 1 - confidence, is shared by all looks."""


class Verdict(StrEnum):
    """The outcome of one criterion."""

    PASSED = "Passed"
    FAILED = "Failed"


class CriterionVerdict(StatusModel):
    """One criterion, what the version reached, and whether that is enough."""

    name: Annotated[str, Field(max_length=32)]
    """The metric's name."""
    value: Rounded | None = None
    """What the version reached; absent where the metric is undefined."""
    threshold: Rounded
    """What the criterion asks for."""
    operator: Literal["≥", "≤"]
    """How value and threshold are compared."""
    verdict: Verdict
    """Passed or Failed."""
    message: Annotated[str, Cut(256)] = ""
    """The comparison as a person reads it."""


def _judge(
    name: str,
    operator: Literal["≥", "≤"],
    threshold: float,
    values: Mapping[str, float],
    undefined: Mapping[str, str],
) -> CriterionVerdict:
    value = values.get(name)
    if value is None:
        why = undefined.get(name, "the metric is missing")
        return CriterionVerdict(
            name=name, threshold=threshold, operator=operator, verdict=Verdict.FAILED,
            message=f"{name} is undefined: {why}",
        )  # fmt: skip
    passed = value >= threshold if operator == "≥" else value <= threshold
    sign = operator if passed else {"≥": "<", "≤": ">"}[operator]
    shown = f"{value:z.0f}" if name == "trades" else f"{value:z.4g}"
    return CriterionVerdict(
        name=name, value=value, threshold=threshold, operator=operator,
        verdict=Verdict.PASSED if passed else Verdict.FAILED,
        message=f"{name} {shown} {sign} {threshold:zg}",
    )  # fmt: skip


Values = Mapping[str, float]
Check = Callable[[Values, Mapping[str, str], Criteria], CriterionVerdict]


def sharpe_below_minimum(v: Values, undefined: Mapping[str, str], c: Criteria) -> CriterionVerdict:
    """A return that its own risk explains is no edge."""
    return _judge("sharpe", "≥", c.min_sharpe, v, undefined)


def win_rate_below_minimum(
    v: Values, undefined: Mapping[str, str], c: Criteria
) -> CriterionVerdict:
    """A strategy that mostly loses is one that nobody keeps running."""
    return _judge("winRate", "≥", c.min_win_rate, v, undefined)


def profit_factor_below_minimum(
    v: Values, undefined: Mapping[str, str], c: Criteria
) -> CriterionVerdict:
    """Wins must pay for losses with room to spare; without a loss, enough trades stand in."""
    verdict = _judge("profitFactor", "≥", c.min_profit_factor, v, undefined)
    without_losses = undefined.get("profitFactor") == "NoLosses"
    if without_losses and v.get("trades", 0) >= c.min_trades:
        text = "profitFactor is undefined: no losses"
        return verdict.having(verdict=Verdict.PASSED, message=text)
    return verdict


def drawdown_above_maximum(
    v: Values, undefined: Mapping[str, str], c: Criteria
) -> CriterionVerdict:
    """The deepest fall that the account would have had to live through."""
    return _judge("maxDrawdown", "≤", c.max_drawdown, v, undefined)


def too_few_trades(v: Values, undefined: Mapping[str, str], c: Criteria) -> CriterionVerdict:
    """Fifty lucky trades are noise, five are an anecdote."""
    return _judge("trades", "≥", float(c.min_trades), v, undefined)


CRITERIA: tuple[Check, ...] = (
    sharpe_below_minimum,
    win_rate_below_minimum,
    profit_factor_below_minimum,
    drawdown_above_maximum,
    too_few_trades,
)


Gate = Callable[[Values, Mapping[str, str], Significance], CriterionVerdict | None]


def probability_below_minimum(
    v: Values, undefined: Mapping[str, str], s: Significance
) -> CriterionVerdict | None:
    """A short or crooked record proves little, however steep it is."""
    return None if s.min_psr is None else _judge("psr", "≥", s.min_psr, v, undefined)


def deflated_below_minimum(
    v: Values, undefined: Mapping[str, str], s: Significance
) -> CriterionVerdict | None:
    """The best of many tries is steep by luck."""
    least = s.min_deflated_sharpe
    return None if least is None else _judge("deflatedSharpe", "≥", least, v, undefined)


GATES: tuple[Gate, ...] = (probability_below_minimum, deflated_below_minimum)


class Judgement(Model):
    """The verdicts of all criteria and what follows from them."""

    verdicts: tuple[CriterionVerdict, ...]
    """One verdict per criterion, then one per gate that is asked for, in a fixed order."""
    stage: Literal["CANDIDATE", "REJECTED"]
    """CANDIDATE if every criterion passed."""
    reason: Reason
    """CriteriaPassed, NoTrades, TooFewTrades or CriteriaFailed."""
    message: str
    """All comparisons in one line."""


def judge(
    values: Values,
    undefined: Mapping[str, str],
    criteria: Criteria,
    significance: Significance,
) -> Judgement:
    """Judge unrounded metrics by the five criteria and the gates that are asked for.

    Parameters
    ----------
    values
        Metrics by their name in the resource (``sharpe``, ``winRate``, …); undefined ones absent.
    undefined
        Why a metric is undefined, by its name.
    """
    gates = (gate(values, undefined, significance) for gate in GATES)
    verdicts = (
        *(check(values, undefined, criteria) for check in CRITERIA),
        *(verdict for verdict in gates if verdict is not None),
    )
    failed = [v for v in verdicts if v.verdict is Verdict.FAILED]
    if not failed:
        reason = Reason.CRITERIA_PASSED
    elif not values.get("trades"):
        reason = Reason.NO_TRADES
    elif [v.name for v in failed] == ["trades"]:
        reason = Reason.TOO_FEW_TRADES
    else:
        reason = Reason.CRITERIA_FAILED
    return Judgement(
        verdicts=verdicts,
        stage="REJECTED" if failed else "CANDIDATE",
        reason=reason,
        message=" · ".join(v.message for v in (failed or verdicts)),
    )
