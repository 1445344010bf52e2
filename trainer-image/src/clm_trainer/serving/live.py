"""A published model at work: each new bar costs the same, however long the history is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.market_columns import names_beside
from clm_trainer.evaluation.positions import HELD, flat, target_positions
from clm_trainer.families.base import Dataset, history_bars
from clm_trainer.features import FeatureTable, TableStream, code_hash
from clm_trainer.features.base import Saved
from clm_trainer.features.table import BLOCK_BARS
from clm_trainer.panel import Floats, Panel
from clm_trainer.serving.decisions import Decisions
from clm_trainer.serving.live_state import packed, unpacked
from clm_trainer.serving.new_bars import Seen, later, new_panel
from clm_trainer.targets import unlabelled

if TYPE_CHECKING:
    from clm_trainer.serving.model import ServedModel

_STREAM = "features."


class Live:
    """What a model keeps from bar to bar: features' states, last closes, positions.

    Made by ``ServedModel.live`` and ``ServedModel.live_from``.
    """

    def __init__(
        self, model: "ServedModel", arrays: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        self.model = model
        symbols, columns = len(model.symbols), columns_of(model)
        self._closes_kept = max(0, history_bars(model.fitted) - 1)
        if arrays is None:
            self._seen = Seen.nothing(symbols, 5 + len(columns))
            self._held, self._ranks = flat(symbols), np.full(symbols, np.nan)
            self._closes = np.full((self._closes_kept, symbols), np.nan)
            self._stream = TableStream(model.features, model.symbols, model.timeframe)
            return
        self._seen = Seen(
            int(arrays["last"]),
            int(arrays["told"]),
            arrays["kept"],
            arrays["quiet_since"],
            arrays["quiet_bars"],
        )
        self._held, self._ranks = arrays["held"].reshape(symbols, HELD), arrays["ranks"]
        self._closes = arrays["closes"]
        self._resume(arrays)

    @property
    def time(self) -> pd.Timestamp:
        """Open time of the newest bar that was decided on."""
        return pd.Timestamp(self._seen.last, unit="us", tz="UTC")

    @property
    def kept_from(self) -> pd.Timestamp:
        """Open time of the oldest bar that may be handed over again."""
        return self.time - self.model.timeframe * max(0, len(self._seen.kept) - 1)

    @property
    def positions(self) -> dict[str, float]:
        """The newest position of each symbol, a fraction of its sleeve in [-1, 1]."""
        held = (self._held[:, 0] * self._held[:, 1]).tolist()
        return dict(zip(self.model.symbols, held, strict=True))

    @property
    def percentiles(self) -> dict[str, float]:
        """The newest signal of each symbol; NaN where its bar is not usable."""
        return dict(zip(self.model.symbols, self._ranks.tolist(), strict=True))

    def update(self, bars: Mapping[str, pd.DataFrame]) -> dict[str, float]:
        """Take newly closed bars, and return each symbol's position after the newest one.

        It is what ``position`` returns for all bars together, bit for bit. Bars that are refused
        leave everything as it was.

        Parameters
        ----------
        bars
            By symbol, as for ``position``: every bar since the newest that was seen. Up to 96 bars
            that were seen may be among them, if their values are equal.

        Raises
        ------
        ClmError
            InsufficientData: a symbol is absent, or its newest bar is older than that of others.
            DataInvalid: a bar was seen with other values, bars are missing in between, out of
            order, doubled or off the grid; a wrong price.
        """
        data, columns = self.model.spec.data, columns_of(self.model)
        new, told = new_panel(bars, self._seen, data, columns)
        if new is not None:
            self.advance(new)
        self._seen = replace(self._seen, told=told)
        return self.positions

    def advance(self, panel: Panel) -> Decisions:
        """Take bars of a panel that follow those of before, and return what is decided on each.

        Bars before the model's ``trained_until`` are not decided on.
        """
        stream = self._stream.save()
        before = self._seen, self._held, self._ranks, self._closes
        try:
            found = [
                self._block(panel.window(start, min(start + BLOCK_BARS, len(panel))))
                for start in range(0, len(panel), BLOCK_BARS)
            ]
        except BaseException:
            self._seen, self._held, self._ranks, self._closes = before
            self._resume({f"{_STREAM}{name}": array for name, array in stream.items()})
            raise
        return _joined(found, panel)

    def follow(self, panel: Panel) -> None:
        """Take the bars of a panel after the newest that was seen; those before it are compared.

        Raises
        ------
        ClmError
            DataInvalid: a bar was seen with other values, or the panel begins after the next one.
        """
        new = later(panel, self._seen, self.model.spec.data, columns_of(self.model))
        if len(new):
            self.advance(new)

    def save(self) -> bytes:
        """Return the state: some ten kilobytes a symbol, for ``ServedModel.live_from``."""
        seen = self._seen
        return packed(
            belongs_to(self.model),
            {
                "last": np.array(seen.last, dtype=np.int64),
                "told": np.array(seen.told, dtype=np.int64),
                "kept": seen.kept,
                "quiet_since": seen.quiet_since,
                "quiet_bars": seen.quiet_bars,
                "held": self._held,
                "ranks": self._ranks,
                "closes": self._closes,
                **{f"{_STREAM}{name}": array for name, array in self._stream.save().items()},
            },
        )

    def place(self, panel: Panel, log_close: Floats, features: Saved) -> None:
        """Begin after the bars of a panel that are not decided on, with the features' state."""
        self._seen = self._seen.after(panel, columns_of(self.model))
        closes = np.concatenate([self._closes, log_close])
        self._closes = closes[len(closes) - self._closes_kept :].copy()
        self._resume({f"{_STREAM}{name}": array for name, array in features.items()})

    def _resume(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        saved = {
            name.removeprefix(_STREAM): array
            for name, array in arrays.items()
            if name.startswith(_STREAM)
        }
        model = self.model
        self._stream = TableStream.resume(model.features, model.symbols, model.timeframe, saved)

    def _block(self, block: Panel) -> Decisions:
        """Decide on some bars; nothing but the features' state changes before all is known."""
        model, table = self.model, self._stream.advance(block)
        closes = np.concatenate([self._closes, table.log_close])
        seen = self._seen.after(block, columns_of(model))
        start = int(block.times.searchsorted(model.trained_until))
        rows = _dataset(model, block, table, closes).rows(start, len(block))
        held, decided = self._held.copy(), block.window(start, len(block))
        ranks = model.ranks.rank(model.fitted.score(rows)) if len(rows) else np.empty((0, 0))
        targets = np.empty((0, len(model.symbols)))
        if len(rows):
            targets = target_positions(
                ranks, rows.sigma, decided, model.spec.target, shorts=model.spec.shorts, held=held
            )
            self._ranks = ranks[-1].copy()
        self._held, self._seen = held, seen
        self._closes = closes[len(closes) - self._closes_kept :].copy()
        return Decisions(decided.times, model.symbols, ranks, targets)


def columns_of(model: "ServedModel") -> tuple[str, ...]:
    """Return the names of what a model's bars have beside their prices."""
    return tuple(names_beside(model.spec.data))


def belongs_to(model: "ServedModel") -> dict[str, Any]:
    """Return what a state and a model must agree in."""
    return {
        "features": code_hash(),
        "set": model.spec.model.features.to_json_dict(),
        "symbols": list(model.symbols),
        "timeframe": model.spec.data.timeframe,
        "trainedUntil": model.trained_until.isoformat(),
        "model": model.digest,
    }


def resumed(model: "ServedModel", content: bytes) -> Live:
    """Return the live model of a saved state.

    Raises
    ------
    ClmError
        ArtifactCorrupt: it is damaged, or belongs to another model.
    """
    return Live(model, unpacked(content, belongs_to(model)))


def at_end(model: "ServedModel", panel: Panel, rows: Dataset) -> Live:
    """Return the live model after the panel that it was trained on.

    Parameters
    ----------
    rows
        All rows of the panel.
    """
    if rows.before_newest is None:
        return model.live_on(panel)
    made, last = Live(model), len(panel) - 1
    made.place(panel.window(0, last), rows.log_close[:last], rows.before_newest)
    made.advance(panel.window(last, len(panel)))
    return made


def _dataset(model: "ServedModel", block: Panel, table: FeatureTable, closes: Floats) -> Dataset:
    labels = unlabelled(block)
    return Dataset(
        times=block.times,
        timeframe=block.timeframe,
        symbols=block.symbols,
        names=table.names,
        features=table.values,
        target=labels.values,
        ends=labels.ends,
        sigma=table.sigma,
        usable=table.usable,
        open=block.open,
        log_close=closes,
        observed=model.features.observed,
    )


def _joined(found: list[Decisions], panel: Panel) -> Decisions:
    some = [one for one in found if len(one.times)]
    if not some:
        none = np.empty((0, len(panel.symbols)))
        return Decisions(panel.times[:0], panel.symbols, none, none)
    first = len(panel) - sum(len(one.times) for one in some)
    return replace(
        some[0],
        times=panel.times[first:],
        percentiles=np.concatenate([one.percentiles for one in some]),
        targets=np.concatenate([one.targets for one in some]),
    )
