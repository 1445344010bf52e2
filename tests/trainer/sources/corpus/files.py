"""Files of bars, most of them broken."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clm_api.reasons import Reason
from tests.trainer.sources.corpus.rows import GOES_ON, Outcome

HEAD = "timestamp,open,high,low,close,volume"


def _row(hour: int) -> str:
    time = f"2025-11-0{1 + hour // 24} {hour % 24:02}:00Z"
    return f"{time},{100 + hour},{104 + hour},{97 + hour},{101 + hour},{5 + hour}"


GOOD = "\n".join([HEAD, *map(_row, range(20, 32))]) + "\n"
FIRST_MS = 1_762_027_200_000
"""2025-11-01 20:00."""
ARCHIVE = "BTCUSDT-1h-2025-11.zip"
ROW = "2025-11-02 03:00Z,127,131,124,128,32"
Make = Callable[[Path], Path]


@dataclass(frozen=True)
class FileCase:
    """A file, made from the good one, and what importing it ends in."""

    name: str
    make: Make
    outcome: Outcome
    said: str


def text(change: Callable[[str], str], name: str = "bars.csv") -> Make:
    """Write the good CSV, changed."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(change(GOOD))
        return path

    return make


def swap(old: str, new: str) -> Make:
    """Write the good CSV with something replaced."""
    assert old in GOOD
    return text(lambda good: good.replace(old, new))


def cell(old: str, new: str) -> Make:
    """Write the good CSV with something replaced in one row."""
    assert old in ROW
    return swap(ROW, ROW.replace(old, new))


def numbers(unit: int, *, head: bool = False) -> str:
    """Return the good bars as an archive has them: no names, times in fractions of a second."""
    lines = []
    for i, line in enumerate(GOOD.splitlines()[1:]):
        time = (FIRST_MS + i * 3_600_000) * unit // 1000
        lines.append(f"{time},{line.split(',', 1)[1]},{time + 3599},1,1,1,1,0")
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore"
    return "\n".join([names, *lines] if head else lines) + "\n"


def archive(
    content: str,
    *,
    name: str = ARCHIVE,
    digest: str | None = None,
    cut_to: float = 1.0,
    members: int = 1,
) -> Make:
    """Write an archive and its digest; ``digest`` "" leaves the digest out."""

    def make(folder: Path) -> Path:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
            for i in range(members):
                zipped.writestr(f"{i or ''}{name.replace('.zip', '.csv')}", content)
        raw = buffer.getvalue()
        raw = raw[: int(len(raw) * cut_to)]
        path = folder / name
        path.write_bytes(raw)
        if digest != "":
            told = digest or hashlib.sha256(raw).hexdigest()
            (folder / f"{name}.CHECKSUM").write_text(f"{told}  {name}\n")
        return path

    return make


def indexed(name: str | None, file: str) -> Make:
    """Write the good bars as pandas does where their times are the index."""

    def make(folder: Path) -> Path:
        frame = pd.read_csv(io.StringIO(GOOD), index_col=0, parse_dates=True).rename_axis(name)
        path = folder / file
        if file.endswith(".parquet"):
            frame.to_parquet(path)
        elif file.endswith(".feather"):
            frame.reset_index(names=name).to_feather(path)
        else:
            frame.to_csv(path)
        return path

    return make


BAD = Reason.DATA_INVALID
FILES = [
    FileCase("a good CSV file", text(str), GOES_ON, ""),
    FileCase("rows out of order", text(lambda good: "\n".join(
        [HEAD, *reversed(good.splitlines()[1:])])), GOES_ON, "sorted"),
    FileCase("a row twice", swap(ROW, f"{ROW}\n{ROW}"), GOES_ON, "one is dropped"),
    FileCase("times in another zone, which they name", swap("2025-11-02 03:00Z",
             "2025-11-02T08:30:00+05:30"), GOES_ON, "read as UTC"),
    FileCase("times in milliseconds", text(lambda _: HEAD + ",a,b,c,d,e,f\n" + numbers(1000)),
             GOES_ON, "told by their size"),
    FileCase("parquet whose index is the time", indexed("Date", "bars.parquet"), GOES_ON, ""),
    FileCase("parquet whose index has no name", indexed(None, "bars.parquet"), GOES_ON, ""),
    FileCase("CSV whose index is the time", indexed("datetime", "bars.csv"), GOES_ON, ""),
    FileCase("CSV whose index has no name", indexed(None, "bars.csv"), GOES_ON, ""),
    FileCase("feather with a column date", indexed("date", "bars.feather"), GOES_ON, ""),
    FileCase("an archive in milliseconds", archive(numbers(1000)), GOES_ON, ""),
    FileCase("an archive in microseconds", archive(numbers(1_000_000)), GOES_ON,
             "told by their size"),
    FileCase("an archive with names of columns", archive(numbers(1000, head=True)), GOES_ON, ""),
    FileCase("a hole", text(lambda good: good.replace(ROW + "\n", "")), GOES_ON,
             "left open and counted"),
    FileCase("a file that starts in microseconds and goes on in milliseconds",
             archive(numbers(1_000_000) + numbers(1000)), BAD, "timestamp mixes units"),
    FileCase("an archive that is cut off", archive(numbers(1000), cut_to=0.7), BAD,
             "is no archive of Binance's"),
    FileCase("an archive that differs from its digest", archive(numbers(1000), digest="ab" * 32),
             BAD, f"{ARCHIVE}.CHECKSUM says abab"),
    FileCase("an archive without its digest", archive(numbers(1000), digest=""), BAD,
             "download its digest"),
    FileCase("a digest file without a digest", archive(numbers(1000), digest=" "), BAD,
             f"says {ARCHIVE}"),
    FileCase("an archive of another symbol", archive(numbers(1000), name="ETHUSDT-1h-2025-11.zip"),
             BAD, "begins with BTCUSDT-1h-"),
    FileCase("an archive of another timeframe",
             archive(numbers(1000), name="BTCUSDT-15m-2025-11.zip"), BAD,
             "begins with BTCUSDT-1h-"),
    FileCase("an archive of two files", archive(numbers(1000), members=2), BAD, "holds one .csv"),
    FileCase("no archive at all", text(str, ARCHIVE), BAD, "download its digest"),
    FileCase("a web page instead of a CSV file", text(lambda _: "<html>log in</html>"), BAD,
             "column timestamp is missing"),
    FileCase("two columns that may be the time", swap("timestamp,open", "date,Time"), BAD,
             "column timestamp is missing"),
    FileCase("an empty file", text(lambda _: ""), BAD, "can't be read"),
    FileCase("no rows", text(lambda _: HEAD + "\n"), BAD, "has no rows"),
    FileCase("no volume", swap("close,volume", "close,amount"), BAD, "column volume is missing"),
    FileCase("parquet that is none", text(str, "bars.parquet"), BAD, "can't be read"),
    FileCase("a spreadsheet", text(str, "bars.xlsx"), BAD, "use .parquet, .csv, .feather or"),
    FileCase("a price that is empty", cell("127", ""), BAD, "open of 2025-11-02 03:00"),
    FileCase("a price that is a word", cell("127", "n/a!"), BAD, "is not a number"),
    FileCase("a negative price", cell("124", "-124"), BAD, "low of 2025-11-02 03:00"),
    FileCase("a price of 0", cell("124", "0"), BAD, "low of 2025-11-02 03:00"),
    FileCase("an infinite price", cell("131", "inf"), BAD, "number that no market has"),
    FileCase("a high below the low", cell("131", "120"), BAD, "high below open or close"),
    FileCase("a low above the open", cell("124", "127.5"), BAD, "low above open or close"),
    FileCase("a negative volume", cell(",32", ",-32"), BAD, "volume of 2025-11-02 03:00"),
    FileCase("two different bars of one time", swap(ROW, f"{ROW}\n{ROW.replace('128', '129')}"),
             BAD, "two different bars for 2025-11-02 03:00"),
    FileCase("another bar than is stored", swap("2025-11-01 20:00Z,120,124,117,121,25",
             "2025-11-01 20:00Z,120,124,117,122,25"), GOES_ON, "the stored bar stands"),
    FileCase("times in a zone that is half an hour off, not named", swap(":00Z", ":30"), BAD,
             "is not on the 1h grid"),
    FileCase("a time that is a word", cell("2025-11-02 03:00Z", "noon"), BAD,
             "timestamp can't be read"),
    FileCase("a day that may be a month", cell("2025-11-02 03:00Z", "02/11/2025 03:00"), BAD,
             "timestamp can't be read"),
    FileCase("a time that is empty", cell("2025-11-02 03:00Z", ""), BAD, "is empty"),
    FileCase("bars of the future", swap("2025-11", "2027-11"), BAD, "can't be true"),
    FileCase("bars from before there were coins", swap("2025-11", "2001-11"), BAD,
             "can't be true"),
    FileCase("a bar that has not closed yet",
             text(lambda good: good + "2025-12-02 06:00Z,1,1,1,1,1\n"), BAD, "has not closed"),
    FileCase("bars of four hours, imported as of one", text(lambda good: "\n".join(
        [HEAD, *good.splitlines()[1::4]])), BAD, "look at --timeframe"),
]  # fmt: skip
