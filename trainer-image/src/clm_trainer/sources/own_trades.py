"""The account's own fills, and the key that reads them."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.layout import SeriesLayout, trades_of
from clm_api.reasons import Reason
from clm_trainer.sources.bars import invalid
from clm_trainer.sources.revisions import Revision, first_word

COLUMNS = ("timestamp", "id", "price", "quantity", "side")
"""``side`` is 1 for bought and -1 for sold; ``id`` is the exchange's own name of the fill."""
TEXTS = frozenset({"id"})


@dataclass(frozen=True)
class Keys:
    """An exchange key that may read; it is never shown."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def mounted(cls) -> "Keys":
        """Read the key from the files of the Secret.

        Raises
        ------
        ClmError
            ExchangeDenied: the folder or one of its files is missing or empty.
        """
        folder = Path(os.environ.get(environment.EXCHANGE_KEYS) or "/nonexistent")
        try:
            found = [(folder / name).read_text().strip() for name in ("apiKey", "secret")]
        except OSError as error:
            found, why = [], str(error.strerror)
        else:
            why = "is empty"
        if not found or not all(found):
            raise ClmError(
                Reason.EXCHANGE_DENIED,
                f"spec.data.ownTrades: no exchange key in {environment.EXCHANGE_KEYS} ({why}): "
                "spec.data.secretRef must name a Secret with keys apiKey and secret",
            )
        return cls(*found)

    @property
    def account(self) -> str:
        """A name for the account that doesn't tell its key."""
        return hashlib.sha256(self.api_key.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TradesKey:
    """Whose fills they are."""

    venue: str
    market: str
    symbol: str
    account: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a fill's columns, the time first."""
        return COLUMNS

    @property
    def texts(self) -> frozenset[str]:
        """Names of the columns that hold text."""
        return TEXTS

    @property
    def layout(self) -> SeriesLayout:
        """Where they are stored."""
        return SeriesLayout(self.venue, self.market, self.symbol, trades_of(self.account))

    def cleaned(
        self, frame: pd.DataFrame, source: str, contradicted: list[Revision] | None = None
    ) -> pd.DataFrame:
        """Sort fills by time and drop repetitions; what contradicts an earlier row is noted.

        Raises
        ------
        ClmError
            DataInvalid: two fills of one id differ, or one has no positive price or quantity.
        """
        frame = frame[list(COLUMNS)].astype({"id": "str"}).drop_duplicates()
        frame = frame.sort_values("timestamp", kind="stable", ignore_index=True)
        if contradicted is None and (twice := frame["id"].duplicated()).any():
            name = frame["id"][twice].iloc[0]
            raise invalid(f"{source}: two different fills have the id {name} of {self}")
        numbers = frame[["price", "quantity"]].to_numpy()
        good = (np.isfinite(numbers) & (numbers > 0)).all(axis=1)
        if not good.all():
            name = frame["id"].iloc[int(good.argmin())]
            raise invalid(f"{source}: fill {name} of {self} has no positive price and quantity")
        return frame if contradicted is None else first_word(frame, "id", contradicted)

    def __str__(self) -> str:
        """Exchange, market, symbol and what it is."""
        return f"{self.venue} {self.market} {self.symbol} own trades"
