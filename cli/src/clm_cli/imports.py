"""``clm data import``: bars and funding from files and freqtrade folders into the store."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from pydantic import TypeAdapter, ValidationError

from clm_api.data_spec import DataSpec, SeriesName
from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.symbols import canonical
from clm_cli.output import console
from clm_cli.stores import Store, open_store

if TYPE_CHECKING:
    import pandas as pd

    from clm_trainer.sources.bars import BarKey
    from clm_trainer.sources.cache import Series
    from clm_trainer.sources.freqtrade import Found
    from clm_trainer.sources.funding import FundingKey
    from clm_trainer.sources.importer import Imported
    from clm_trainer.storage import Storage

_TIMEFRAMES = ", ".join(get_args(DataSpec.model_fields["timeframe"].annotation))
_MOMENT = "%Y-%m-%d %H:%M"
_BARS, _EVENTS = ("bars", "missing"), ("events", "without mark price")
"""What a file's rows are, and what some of them lack."""
Lines = Iterator[str]


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help="Parquet, feather, CSV, Binance ZIP, or a freqtrade data folder."
        ),
    ],
    store: Store,
    symbol: Annotated[
        str | None, typer.Option(help="Symbol, such as BTC/USDT; a folder needs none.")
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(help="The exchange's ccxt id: binance for files, a folder's own name."),
    ] = None,
    market: Annotated[str, typer.Option(help="spot, or usdm for linear perpetuals.")] = "spot",
    timeframe: Annotated[str, typer.Option(help=f"Of bars: one of {_TIMEFRAMES}.")] = "1h",
    *,
    funding: Annotated[
        bool, typer.Option("--funding", help="The files hold funding events, not bars.")
    ] = False,
    series: Annotated[
        str | None,
        typer.Option(help="The files hold numbers of your own, to be stored under this name."),
    ] = None,
) -> None:
    """Check a file's rows and put them where runs look for them; doing it twice changes nothing.

    Bars have columns timestamp (open time, UTC), open, high, low, close, volume; funding events
    timestamp (UTC), funding_rate (0.0001 is 0.01 %; positive: longs pay), and mark_price if known.
    Archives of data.binance.vision are read as they are, with FILE.zip.CHECKSUM beside them; so is
    a freqtrade folder such as user_data/data/binance: bars, funding and mark prices, by the names
    of its files.

    An own series has columns timestamp (what time a row is about, UTC), available_at (since when
    it is known, UTC), any columns of numbers, and symbol if each symbol has rows of its own. A
    correction is another row with a later available_at.

    Plain kubectl: none; bars and funding lie in the object store, not in the cluster.
    """
    if series is not None:
        if symbol is not None or exchange is not None or funding:
            text = "an own series is of no exchange: say only FILE, --series and --store; symbols "
            raise SpecError("--series", f"{text}are a column of the file")
        _show(_series(files, series, open_store(store)))
        return
    folders = [path for path in files if path.is_dir()]
    if folders:
        if symbol is not None or funding or len(folders) < len(files):
            text = "a folder says itself what it holds: import it without --symbol and --funding, "
            raise SpecError("FILE", f"{text}and files by a command of their own")
        _show(_folders(folders, exchange, open_store(store)))
        return
    if symbol is None:
        raise SpecError("--symbol", "is needed with a file; only a freqtrade folder needs none")
    data = _checked(exchange or "binance", market, symbol, timeframe)
    if funding and data.market != "usdm":
        raise SpecError("--funding", "needs --market usdm: nothing on spot pays funding")
    _show((_funding if funding else _bars)(files, data, open_store(store)))


def _show(lines: Lines) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _bars(files: list[Path], data: DataSpec, objects: "Storage") -> Lines:
    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.importer import import_file

    key = _bar_key(data)
    for path in files:
        done = import_file(path, key, BarCache(objects), now=_now())
        yield from _told(key, done, objects, *_BARS)


def _funding(files: list[Path], data: DataSpec, objects: "Storage") -> Lines:
    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.importer import import_funding

    key = _funding_key(data)
    for path in files:
        done = import_funding(path, key, BarCache(objects), now=_now())
        yield from _told(key, done, objects, *_EVENTS)


def _series(files: list[Path], name: str, objects: "Storage") -> Lines:
    from clm_trainer.sources.own_series import OwnSeries
    from clm_trainer.sources.series_import import import_series

    try:
        TypeAdapter(SeriesName).validate_python(name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"]
        raise SpecError("--series", f'"{name}" is refused: {first}') from error
    for path in files:
        done = import_series(path, OwnSeries(objects, name), now=_now())
        yield (
            f"series {name}: {done.rows} rows {done.first:{_MOMENT}}..{done.last:{_MOMENT}}, "
            f"{done.new} new, {done.corrections} corrections, {done.ahead} available before "
            f"their time; written to {_place(objects)}"
        )


def _folders(folders: list[Path], exchange: str | None, objects: "Storage") -> Lines:
    """Import all that can be; a file that is refused is said, and stops no other.

    Raises
    ------
    ClmError
        DataInvalid: at the end, if a file was refused.
    """
    from clm_trainer.sources.freqtrade import Skipped, exchange_folders, scan

    refused = imported = 0
    for folder in folders:
        roots = exchange_folders(folder)
        if not roots:
            raise SpecError(
                "FILE", f"{folder} holds no files of freqtrade, such as BTC_USDT-1h.feather"
            )
        for root, name in roots.items():
            venue = exchange or name
            if venue is None:
                text = f"{root.name} is no exchange's ccxt id: say whose bars these are"
                raise SpecError("--exchange", text)
            files = scan(root)
            for one in files:
                if isinstance(one, Skipped):
                    yield f"{one.path}: left out: {one.why}"
            found = [one for one in files if not isinstance(one, Skipped)]
            for work in _work(found, venue, objects):
                try:
                    yield from work()
                    imported += 1
                except ClmError as error:
                    refused += 1
                    yield f"refused: {error.message}"
    if refused:
        told = f"{refused} of {refused + imported} series were refused"
        raise ClmError(Reason.DATA_INVALID, f"{told}, see above; the others are stored")


def _work(found: "list[Found]", venue: str, objects: "Storage") -> Iterator[Callable[[], Lines]]:
    """Yield what imports each file of bars, and the funding of each symbol."""
    from functools import partial

    from clm_trainer.sources.freqtrade import Kind

    by_kind = {kind: [one for one in found if one.kind is kind] for kind in Kind}
    for one in (*by_kind[Kind.SPOT], *by_kind[Kind.FUTURES]):
        yield partial(_candles, one, venue, objects)
    for symbol in dict.fromkeys(one.symbol for one in by_kind[Kind.FUNDING]):
        files, marks = (
            [one for one in by_kind[kind] if one.symbol == symbol]
            for kind in (Kind.FUNDING, Kind.MARK)
        )
        yield partial(_payments, files, marks, venue, objects)


def _candles(file: "Found", venue: str, objects: "Storage") -> Lines:
    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.freqtrade import bars_of
    from clm_trainer.sources.importer import import_bars

    key = _bar_key(_checked(venue, file.market, file.symbol, file.timeframe))
    done = import_bars(bars_of(file), key, BarCache(objects), now=_now(), path=file.path)
    yield from _told(key, done, objects, *_BARS)


def _payments(files: "list[Found]", marks: "list[Found]", venue: str, objects: "Storage") -> Lines:
    from clm_trainer.sources.cache import BarCache
    from clm_trainer.sources.freqtrade import funding_of
    from clm_trainer.sources.importer import import_events

    first = files[0]
    key = _funding_key(_checked(venue, first.market, first.symbol, "1h"))
    events = funding_of(files, marks)
    done = import_events(events, key, BarCache(objects), now=_now(), path=first.path)
    yield from _told(key, done, objects, *_EVENTS)


def _told(key: "Series", done: "Imported", objects: "Storage", rows: str, lacking: str) -> Lines:
    yield (
        f"{key}: {done.rows} {rows} {done.first:{_MOMENT}}..{done.last:{_MOMENT}}, "
        f"{done.lacking} {lacking}, {done.months_written} months written "
        f"to {_place(objects)}"
    )
    if done.revised:
        yield done.revised


def _place(objects: "Storage") -> str:
    return objects.url.removeprefix("file://")


def _bar_key(data: DataSpec) -> "BarKey":
    from clm_trainer.sources.bars import BarKey

    symbol = canonical(data.symbols[0], data.market)
    return BarKey(data.exchange, data.market, symbol, data.timeframe)


def _funding_key(data: DataSpec) -> "FundingKey":
    from clm_trainer.sources.funding import FundingKey

    return FundingKey(data.exchange, data.market, canonical(data.symbols[0], data.market))


def _now() -> "pd.Timestamp":
    import pandas as pd

    return pd.Timestamp(datetime.now(UTC))


def _checked(exchange: str, market: str, symbol: str, timeframe: str) -> DataSpec:
    """Hold the options to the same rules as a schedule's fields."""
    values = {"exchange": exchange, "market": market, "symbols": [symbol], "timeframe": timeframe}
    try:
        return DataSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option, value = "symbol", symbol  # what the rules of all fields are about
        if first["loc"]:
            option, value = str(first["loc"][0]).removesuffix("s"), first["input"]
        raise SpecError(f"--{option}", f'"{value}" is refused: {first["msg"]}') from error
