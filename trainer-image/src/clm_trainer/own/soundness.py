"""What every run asks of an own feature set: no look-ahead, no hidden past, numbers, no memory.

The set is computed again in a process of its own, from shorter bars and for fewer symbols, and
compared with what the model is trained on.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.features.base import FeatureSet
from clm_trainer.features.combined import WindowedPart, windowed_parts
from clm_trainer.features.windowed import Window, WindowedSet, window_of
from clm_trainer.own.apart import Apart, apart
from clm_trainer.own.cuts import Cut, cuts_of
from clm_trainer.own.watched import WatchedSet
from clm_trainer.panel import Floats, Panel

TAIL_BARS = 32
"""Bars before a cut that are compared."""
LOOKBACKS = 12
ORDERS = 3
CLOSE = 1e-9
"""Relative difference that another beginning of the bars, or another order of symbols, may make."""


class Watch:
    """Looks at an own feature set while a run computes it, and then computes a sample again.

    A set without a windowed part, as CLM's own, is left alone: the truncation test sees it.

    Parameters
    ----------
    features
        The run's set.
    """

    def __init__(self, features: FeatureSet, panel: Panel, run: RunSpec) -> None:
        self._of, self._panel, self._run = features, panel, run
        self._parts = windowed_parts(features)
        self._cuts = [cuts_of(part.windowed, panel, run.model.seed) for part in self._parts]
        rows = (cut.tail(TAIL_BARS) for cuts in self._cuts for cut in cuts)
        self._watched = WatchedSet(features, panel, frozenset(row for tail in rows for row in tail))

    @property
    def features(self) -> FeatureSet:
        """The set to compute the run's features with."""
        return self._watched if self._parts else self._of

    def require_sound(self) -> None:
        """Refuse a set whose features are no numbers, or others when they are computed again.

        Raises
        ------
        ClmError
            MetricsRejected, with the feature, the bar, and what to do. What the set raises.
        """
        if not self._parts:
            return
        for part in self._parts:
            self._require_finite(part)
        with apart(self._run) as other:
            for number, (part, cuts) in enumerate(zip(self._parts, self._cuts, strict=True)):
                sample = _Sample(self._panel, part, number, self._watched.seen.kept, other)
                sample.require_causal(cuts)
                sample.require_declared(cuts)
                sample.require_any_order(cuts)

    def _require_finite(self, part: WindowedPart) -> None:
        seen, panel, name = self._watched.seen, self._panel, part.windowed.name
        if seen.infinite is not None:
            row, symbol, feature = seen.infinite
            raise _refused(
                f'"{self._watched.names[feature]}" of feature set "{name}" is infinite for '
                f"{panel.symbols[symbol]} at {panel.times[row]}: divide by nothing that can be 0, "
                "or return NaN there"
            )
        empty = (seen.finite[:, part.columns] == 0) & (seen.bars > 0)[:, None]
        if empty.any():
            symbol, feature = (int(i) for i in np.argwhere(empty)[0])
            raise _refused(
                f'"{part.windowed.names[feature]}" of feature set "{name}" has no number on any of '
                f"the {seen.bars[symbol]} bars of {panel.symbols[symbol]} past the warm-up: a "
                "look-back that is too short, or a column without values; mend it, or leave out "
                "the symbol"
            )


class _Sample:
    """The comparisons of one windowed set."""

    def __init__(
        self, panel: Panel, part: WindowedPart, number: int, kept: dict[int, Floats], other: Apart
    ) -> None:
        self._panel, self._set, self._number = panel, part.windowed, number
        self._columns, self._kept, self._other = part.columns, kept, other

    def require_causal(self, cuts: Iterable[Cut]) -> None:
        """Compare with bars that end at the cut, as a bot has them; bit for bit."""
        for cut in cuts:
            again = self._again(cut.start, cut.row + 1, cut.symbols)
            tail = cut.tail(TAIL_BARS)
            known = np.stack([self._known(row, cut.symbols) for row in tail])
            again = again[-len(tail) :]
            same = (known == again) | (np.isnan(known) & np.isnan(again))
            if not same.all():
                row, symbol, feature = (int(i) for i in np.argwhere(~same)[-1])
                raise self._differs(cut, tail[row], symbol, feature)

    def require_declared(self, cuts: Iterable[Cut]) -> None:
        """Compare with bars that begin as late as the declared look-back allows."""
        back = self._set.lookback_bars
        longest = sorted(cuts, key=lambda cut: cut.start - cut.row)[:LOOKBACKS]
        for cut in sorted(longest, key=lambda cut: cut.row):
            if cut.row - back <= cut.start:
                continue
            again = self._again(cut.row - back, cut.row + 1, cut.symbols)[-1]
            found = self._first_unlike(cut, again)
            if found is None:
                continue
            symbol, feature, known, other = found
            raise _refused(
                f'feature set "{self._set.name}" declares a look-back of {back} bars, but '
                f"{self._place(feature, cut.symbols[symbol], cut.row)} is {other:.10g} with "
                f"{back} bars before it and {known:.10g} with {cut.row - cut.start}: raise "
                "lookback_bars (a window of n bars needs n, an exponential mean 14 times its "
                "span), or use fewer bars"
            )

    def require_any_order(self, cuts: Iterable[Cut]) -> None:
        """Compare with the symbols in another order, of a set that is given all of them."""
        if not self._set.together:
            return
        for cut in [*cuts][-ORDERS:]:
            turned = cut.symbols[::-1]
            again = self._again(cut.start, cut.row + 1, turned)[-1][::-1]
            found = self._first_unlike(cut, again)
            if found is None:
                continue
            symbol, feature, known, other = found
            raise _refused(
                f'feature set "{self._set.name}" depends on the order of the symbols: '
                f"{self._place(feature, cut.symbols[symbol], cut.row)} is {known:.10g}, and "
                f"{other:.10g} in reverse order: use nothing but what the frames hold"
            )

    def _again(self, start: int, stop: int, symbols: tuple[int, ...]) -> Floats:
        return self._other.evaluate(
            self._number, bars_of(self._set, self._panel, start, stop, symbols)
        )

    def _known(self, row: int, symbols: tuple[int, ...]) -> Floats:
        values: Floats = self._kept[row][list(symbols), self._columns]
        return values

    def _first_unlike(self, cut: Cut, again: Floats) -> tuple[int, int, float, float] | None:
        """Return where a cut's last bar is not as before, and both values."""
        known = self._known(cut.row, cut.symbols)
        tail = np.stack([self._known(row, cut.symbols) for row in cut.tail(TAIL_BARS)])
        nothing = np.isnan(tail).all(axis=0)
        usual = np.nanmedian(np.where(nothing, 0.0, np.abs(tail)), axis=0)
        size = np.fmax(np.fmax(np.abs(known), np.abs(again)), usual)
        like = (np.abs(known - again) <= CLOSE * size) | (np.isnan(known) & np.isnan(again))
        if like.all():
            return None
        symbol, feature = (int(i) for i in np.argwhere(~like)[0])
        return symbol, feature, float(known[symbol, feature]), float(again[symbol, feature])

    def _differs(self, cut: Cut, row: int, symbol: int, feature: int) -> ClmError:
        """Say why: with all bars of the block, the other process finds the same, or it does not."""
        stop = min(cut.block + self._set.block_bars, len(self._panel))
        whole = self._again(cut.start, stop, cut.symbols)[row - cut.start, symbol, feature]
        known = self._known(row, cut.symbols)[symbol, feature]
        place = self._place(feature, cut.symbols[symbol], row)
        if whole == known or (np.isnan(whole) and np.isnan(known)):
            return _refused(
                f'look-ahead in feature set "{self._set.name}": {place} changes when the bars '
                f"after {self._panel.times[cut.row]} are removed, so it uses the future: use that "
                "bar and earlier ones alone (no shift(-n), no centred window, no statistic of "
                "the whole frame, nothing filled backwards)"
            )
        return _refused(
            f'feature set "{self._set.name}" gives other values in another process: {place} is '
            f"{known:.10g} here and {whole:.10g} there, from the same bars: use no random numbers, "
            "and keep nothing from one call to the next"
        )

    def _place(self, feature: int, symbol: int, row: int) -> str:
        name, of = self._set.names[feature], self._panel.symbols[symbol]
        return f'"{name}" of {of} at {self._panel.times[row]}'


def bars_of(
    windowed: WindowedSet, panel: Panel, start: int, stop: int, symbols: tuple[int, ...]
) -> Window:
    """Return some symbols' bars [start, stop) of a panel, as the set sees them."""
    chosen = list(symbols)
    before = [np.flatnonzero(~panel.gap[:start, symbol])[-1:] for symbol in chosen]
    closes = [
        panel.close[last[0], s] if len(last) else np.nan
        for last, s in zip(before, chosen, strict=True)
    ]
    cut = panel.window(start, stop)
    prices = {
        name: getattr(cut, name)[:, chosen]
        for name in ("open", "high", "low", "close", "volume", "gap")
    }
    extra = {name: values[:, chosen] for name, values in cut.extra.items()}
    names = tuple(panel.symbols[symbol] for symbol in chosen)
    some = replace(cut, symbols=names, extra=extra, **prices)
    return window_of(some, windowed.columns, np.array(closes))


def _refused(text: str) -> ClmError:
    return ClmError(Reason.METRICS_REJECTED, text)
