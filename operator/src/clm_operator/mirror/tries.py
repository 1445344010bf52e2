"""Tries of all schedules by market: a round asks for those of its siblings, and counts none."""

from dataclasses import dataclass, field
from fractions import Fraction

from clm_api.figures import SHARPE_WIDEST
from clm_api.schedule_status import TrialsStatus

Market = tuple[str, frozenset[str], str]
"""Namespace, symbols, timeframe: what identifies the data whose tries are counted together."""


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums that can be added and taken away again without a rounding error."""

    schedules: int = 0
    total: int = 0
    measured: int = 0
    first: Fraction = Fraction()
    """Sum of the Sharpe ratios."""
    second: Fraction = Fraction()
    """Sum of their squares."""

    @classmethod
    def of(cls, given: TrialsStatus) -> "_Sums":
        figures = believed(given)
        n, mean = figures.measured, Fraction(figures.mean_sharpe)
        spread = Fraction(figures.sharpe_variance) * max(n - 1, 0)
        return cls(1, figures.total, n, n * mean, spread + n * mean * mean)

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.schedules + other.schedules,
            self.total + other.total,
            self.measured + other.measured,
            self.first + other.first,
            self.second + other.second,
        )

    def __sub__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.schedules - other.schedules,
            self.total - other.total,
            self.measured - other.measured,
            self.first - other.first,
            self.second - other.second,
        )

    def pooled(self) -> TrialsStatus:
        n = self.measured
        spread = self.second - self.first * self.first / n if n else Fraction()
        return TrialsStatus(
            total=self.total,
            measured=n,
            mean_sharpe=float(self.first / n) if n else 0.0,
            sharpe_variance=float(spread / (n - 1)) if n > 1 else 0.0,
        )


@dataclass
class Tries:
    """Sums of each market, kept up to date schedule by schedule."""

    _sums: dict[Market, _Sums] = field(default_factory=dict)
    _of: dict[str, tuple[Market, _Sums]] = field(default_factory=dict)

    def put(self, uid: str, market: Market | None, tries: TrialsStatus) -> None:
        """Note the tries of a schedule; one without a market counts for nobody."""
        known = self._of.get(uid)
        sums = _Sums.of(tries)
        if known == (market, sums):
            return
        self.drop(uid)
        if market is not None:
            self._of[uid] = (market, sums)
            self._sums[market] = self._sums.get(market, _Sums()) + sums

    def drop(self, uid: str) -> None:
        """Forget a schedule."""
        if (known := self._of.pop(uid, None)) is None:
            return
        market, sums = known
        left = self._sums[market] - sums
        if left.schedules:
            self._sums[market] = left
        else:
            del self._sums[market]

    def of_siblings(self, uid: str, market: Market) -> TrialsStatus:
        """Return the pooled tries of all other schedules on the same data."""
        sums = self._sums.get(market, _Sums())
        known = self._of.get(uid)
        if known is not None and known[0] == market:
            sums = sums - known[1]
        return sums.pooled()


def believed(figures: TrialsStatus) -> TrialsStatus:
    """Return figures; without mean and variance where no Sharpe ratios can have them."""
    widest = max(abs(figures.mean_sharpe), figures.sharpe_variance**0.5)
    if widest <= SHARPE_WIDEST:
        return figures
    return TrialsStatus(
        total=figures.total, counted=figures.counted, counted_until=figures.counted_until
    )
