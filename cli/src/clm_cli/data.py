"""``clm data``: bars and funding into the store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from pydantic import ValidationError
from rich.table import Table

from clm_api.errors import SpecError
from clm_api.symbols import canonical
from clm_api.training_schedule import DataSpec, TrainingScheduleResource
from clm_cli.output import Output, OutputOption, console, print_document
from clm_cli.prune import prune
from clm_cli.rules import broken_rules
from clm_cli.stores import Store, open_store

if TYPE_CHECKING:
    import pandas as pd

    from clm_trainer.sources.inventory import Stored
    from clm_trainer.storage import Storage

_TIMEFRAMES = ", ".join(get_args(DataSpec.model_fields["timeframe"].annotation))
_MOMENT = "%Y-%m-%d %H:%M"

app = typer.Typer(help="What lies in the store.", no_args_is_help=True)
app.command()(prune)


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Parquet, CSV or Binance ZIP.")
    ],
    symbol: Annotated[str, typer.Option(help="Symbol, such as BTC/USDT.")],
    store: Store,
    exchange: Annotated[str, typer.Option(help="The exchange's ccxt id.")] = "binance",
    market: Annotated[str, typer.Option(help="spot, or usdm for linear perpetuals.")] = "spot",
    timeframe: Annotated[str, typer.Option(help=f"Of bars: one of {_TIMEFRAMES}.")] = "1h",
    *,
    funding: Annotated[
        bool, typer.Option("--funding", help="The files hold funding events, not bars.")
    ] = False,
) -> None:
    """Check a file's rows and put them where runs look for them; doing it twice changes nothing.

    Bars have columns timestamp (open time, UTC), open, high, low, close, volume; funding events
    timestamp (UTC), funding_rate (0.0001 is 0.01 %; positive: longs pay), and mark_price if known.
    Archives of data.binance.vision are read as they are, with FILE.zip.CHECKSUM beside them.

    Plain kubectl: none; bars and funding lie in the object store, not in the cluster.
    """
    data = _checked(exchange, market, symbol, timeframe)
    if funding and data.market != "usdm":
        raise SpecError("--funding", "needs --market usdm: nothing on spot pays funding")
    objects = open_store(store)
    for line, revised in (_funding if funding else _bars)(files, data, objects):
        for text in filter(None, (f"{line} to {store}", revised)):
            console.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command("ls")
def list_(store: Store, output: OutputOption = Output.TEXT) -> None:
    """List what is stored: the range of each series, what it lacks, and how old it is.

    Plain kubectl: none; bars and funding lie in the object store, not in the cluster.
    """
    import pandas as pd

    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.inventory import inventory

    found = inventory(BarCache(open_store(store)), pd.Timestamp(datetime.now(UTC)))
    if output is Output.JSON:
        print_document({"series": [_document(one) for one in found]})
        return
    table = Table("EXCHANGE", "MARKET", "SYMBOL", "SERIES", "ROWS", "FROM", "TO", "GAPS", "AGE",
                  box=None)  # fmt: skip
    for one in found:
        gaps = f"{one.missing} in {one.holes}" if one.holes else "none"
        if not one.step:
            gaps = ""
        table.add_row(
            one.exchange, one.market, one.symbol, one.series, str(one.rows),
            f"{one.first:{_MOMENT}}", f"{one.last:{_MOMENT}}", gaps, _age(one.age),
        )  # fmt: skip
    console.print(table)


def _document(one: "Stored") -> dict[str, Any]:
    return {
        "exchange": one.exchange,
        "market": one.market,
        "symbol": one.symbol,
        "series": one.series,
        "rows": one.rows,
        "from": one.first.isoformat(),
        "to": one.last.isoformat(),
        "missing": one.missing,
        "holes": one.holes,
        "ageSeconds": int(one.age.total_seconds()),
    }


def _age(age: "pd.Timedelta") -> str:
    minutes = max(int(age.total_seconds()) // 60, 0)
    return f"{minutes // 1440}d" if minutes >= 2880 else f"{minutes // 60}h{minutes % 60:02}m"


def _bars(files: list[Path], data: DataSpec, objects: "Storage") -> Iterator[tuple[str, str]]:
    import pandas as pd

    from clm_trainer.sources.bars import BarKey
    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.importer import import_file

    symbol = canonical(data.symbols[0], data.market)
    key = BarKey(data.exchange, data.market, symbol, data.timeframe)
    for path in files:
        done = import_file(path, key, BarCache(objects), now=pd.Timestamp(datetime.now(UTC)))
        line = (
            f"{key}: {done.bars} bars {done.first:{_MOMENT}}..{done.last:{_MOMENT}}, "
            f"{done.gaps} missing, {done.months_written} months written"
        )
        yield line, done.revised


def _funding(files: list[Path], data: DataSpec, objects: "Storage") -> Iterator[tuple[str, str]]:
    import pandas as pd

    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.funding import FundingKey
    from clm_trainer.sources.importer import import_funding

    key = FundingKey(data.exchange, data.market, canonical(data.symbols[0], data.market))
    for path in files:
        done = import_funding(path, key, BarCache(objects), now=pd.Timestamp(datetime.now(UTC)))
        line = (
            f"{key}: {done.events} events {done.first:{_MOMENT}}..{done.last:{_MOMENT}}, "
            f"{done.unmarked} without mark price, {done.months_written} months written"
        )
        yield line, done.revised


def _checked(exchange: str, market: str, symbol: str, timeframe: str) -> DataSpec:
    """Hold the options to the same rules as a schedule's fields."""
    values = {"exchange": exchange, "market": market, "symbols": [symbol], "timeframe": timeframe}
    try:
        data = DataSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).removesuffix("s")
        raise SpecError(f"--{option}", f'"{first["input"]}" is refused: {first["msg"]}') from error
    broken = broken_rules(TrainingScheduleResource.kind, data.to_json_dict(), "spec.data")
    if broken:
        why = broken[0].removeprefix("spec.data: ")
        raise SpecError("--symbol", f'"{symbol}" is refused: {why}')
    return data
