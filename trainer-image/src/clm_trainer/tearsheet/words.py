"""A person's words for what the resources and files name as machines do."""

import re
from collections.abc import Callable

from clm_api.promotion import CriterionVerdict
from clm_trainer.tearsheet.formats import number, percent

MARKETS = {"spot": "spot", "usdm": "linear perpetuals"}
STAGES = {"CANDIDATE": "Candidate", "REJECTED": "Rejected"}
OUTCOMES = {
    "CriteriaPassed": "Every criterion was met.",
    "CriteriaFailed": "At least one criterion was missed.",
    "TooFewTrades": "All else was met, but there were too few trades to tell.",
    "NoTrades": "The model never closed a trade.",
}
METRICS = {
    "sharpe": "Sharpe ratio",
    "winRate": "Win rate",
    "profitFactor": "Profit factor",
    "maxDrawdown": "Largest drawdown",
    "trades": "Closed trades",
    "psr": "Probability that the Sharpe ratio is above 0",
    "deflatedSharpe": "Probability that it is above the luck of many tries",
    "totalReturn": "Return",
    "sortino": "Sortino ratio",
    "breakEvenBps": "Break-even cost",
    "sharpeAtDoubleCost": "Sharpe ratio at twice the costs",
    "buyAndHoldSharpe": "Sharpe ratio of buy and hold",
    "minTrackRecordDays": "Record needed",
    "score": "Score for sorting",
}
MISSING = {
    "NoTrades": "there was no closed trade",
    "NoLosses": "there was no loss",
    "NoVariance": "the returns never varied",
    "NoProfitBeforeCosts": "there was no profit before costs",
    "SharpeNotPositive": "the Sharpe ratio is not above 0",
}
_SHARES = frozenset({"winRate", "maxDrawdown", "psr", "deflatedSharpe", "totalReturn"})
_FEATURES: tuple[tuple[str, str], ...] = (
    (r"ret(\d+)", "return over {0} bars"),
    (r"emad(\d+)", "distance from the {0}-bar average"),
    (r"macdh", "MACD histogram"),
    (r"rsi(\d+)", "RSI over {0} bars"),
    (r"atr_r", "range of a day against a week (ATR)"),
    (r"vol(\d+)_(\d+)", "volatility over {0} bars against {1}"),
    (r"pos(\d+)", "place in the {0}-bar channel"),
    (r"volz", "volume against its mean"),
    (r"volz(\d+)", "volume over {0} bars against its mean"),
    (r"body", "body of the candle"),
    (r"wick", "wicks of the candle"),
    (r"range", "range of the bar"),
    (r"svol(\d+)", "signed volume over {0} bars"),
    (r"skew(\d+)", "skew over {0} bars"),
    (r"x(\d+)", "return of the others over {0} bars"),
    (r"rel(\d+)", "return over {0} bars less the others'"),
    (r"hour_(?:sin|cos)", "hour of the day"),
    (r"weekday_(?:sin|cos)", "day of the week"),
)


def metric(name: str) -> str:
    """Return what a metric is called; an unknown one keeps its name."""
    return METRICS.get(name, name)


def missing(reason: str) -> str:
    """Return why a metric is undefined."""
    return MISSING.get(reason, reason)


def exchange(name: str) -> str:
    """Return an exchange's name with a capital."""
    return name[:1].upper() + name[1:]


def spoken(text: str) -> str:
    """Return a text with the names of fields and values in it taken apart into words."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    apart = re.sub(r"(?<=[a-z] )[A-Z](?=[a-z])", lambda found: found.group().lower(), apart)
    return re.sub(r"\b(?:market )?usdm\b", MARKETS["usdm"], apart)


def feature(name: str) -> str:
    """Return what a feature measures; one without words of its own keeps its name."""
    for pattern, text in _FEATURES:
        if found := re.fullmatch(pattern, name):
            return text.format(*found.groups())
    return name


def value(name: str, figure: float | None) -> str:
    """Return a metric's value in the unit that people read it in."""
    return _written(name, 1 if name in _SHARES else 2)(figure)


def _written(name: str, digits: int) -> Callable[[float | None], str]:
    if name == "trades":
        return lambda figure: number(figure, 0)
    if name == "breakEvenBps":
        return lambda figure: number(figure, digits - 1, " bp")
    write = percent if name in _SHARES else number
    return lambda figure: write(figure, digits)


def threshold(verdict: CriterionVerdict) -> str:
    """Return what a criterion asks for."""
    side = "at least" if verdict.operator == "≥" else "at most"
    return f"{side} {_apart(verdict)[1]}"


def reached(verdict: CriterionVerdict) -> str:
    """Return what the version reached, with as many digits as it takes to see the difference."""
    return "undefined" if verdict.value is None else _apart(verdict)[0]


def _apart(verdict: CriterionVerdict) -> tuple[str, str]:
    name, digits = verdict.name, 1 if verdict.name in _SHARES else 2
    while True:
        write = _written(name, digits)
        texts = write(verdict.value), write(verdict.threshold)
        if texts[0] != texts[1] or verdict.value == verdict.threshold or digits >= 6:
            return texts
        digits += 1
