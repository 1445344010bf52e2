"""``clm data``: bars into the store."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import ValidationError

from clm_api.errors import SpecError
from clm_api.training_schedule import DataSpec
from clm_cli.output import console
from clm_cli.stores import Store, open_store

_TIMEFRAMES = ", ".join(get_args(DataSpec.model_fields["timeframe"].annotation))

app = typer.Typer(help="Bars in the store.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``import`` a command of its own."""


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Parquet or CSV files.")],
    symbol: Annotated[str, typer.Option(help="Symbol of the bars, such as BTC/USDT.")],
    store: Store,
    exchange: Annotated[str, typer.Option(help="The exchange's ccxt id.")] = "binance",
    market: Annotated[str, typer.Option(help="Market on that exchange.")] = "spot",
    timeframe: Annotated[str, typer.Option(help=f"One of {_TIMEFRAMES}.")] = "1h",
) -> None:
    """Check a file's bars and put them where runs look for them; doing it twice changes nothing.

    Columns: timestamp (open time, UTC), open, high, low, close, volume.

    Plain kubectl: none; bars lie in the object store, not in the cluster.
    """
    _check(exchange, market, symbol, timeframe)
    objects = open_store(store)
    import pandas as pd

    from clm_trainer.sources.bars import BarKey
    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.importer import import_file

    key = BarKey(exchange, market, symbol, timeframe)
    for path in files:
        done = import_file(path, key, BarCache(objects), now=pd.Timestamp(datetime.now(UTC)))
        console.print(
            f"{key}: {done.bars} bars {done.first:%Y-%m-%d %H:%M}..{done.last:%Y-%m-%d %H:%M}, "
            f"{done.gaps} missing, {done.months_written} months written to {store}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _check(exchange: str, market: str, symbol: str, timeframe: str) -> None:
    """Hold the options to the same rules as a schedule's fields."""
    values = {"exchange": exchange, "market": market, "symbols": [symbol], "timeframe": timeframe}
    try:
        DataSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).removesuffix("s")
        raise SpecError(f"--{option}", f'"{first["input"]}" is refused: {first["msg"]}') from error
