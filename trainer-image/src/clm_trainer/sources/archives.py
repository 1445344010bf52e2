"""Binance's monthly archives: a ZIP with one CSV, and a file with its digest beside it."""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import pandas as pd

from clm_trainer.sources.bars import invalid

_KLINES = ("timestamp", "open", "high", "low", "close", "volume")
_NAMES = {
    "open_time": "timestamp",
    "calc_time": "timestamp",
    "last_funding_rate": "funding_rate",
}
"""What the archives call our columns."""
_MOST_BYTES = 1 << 30


def read_archive(path: Path, expected: str) -> pd.DataFrame:
    """Return an archive's rows with our names for the columns.

    Parameters
    ----------
    expected
        How the name of an archive of the series begins, such as ``BTCUSDT-1h-``.

    Raises
    ------
    ClmError
        DataInvalid: it is of another series, differs from its digest, or is no archive.
    """
    if not path.name.startswith(expected):
        raise invalid(
            f"{path}: the name of an archive of this series begins with {expected}: look at "
            "--symbol and --timeframe"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise invalid(f"{path}: can't be read: {error}") from error
    _check_digest(path, content)
    try:
        text = _only_member(path, content)
        head = text[: text.find(b"\n")]
        if any(letter.isalpha() for letter in head.decode("ascii", "replace")):
            return pd.read_csv(io.BytesIO(text)).rename(columns=_NAMES)
        columns = range(len(_KLINES))
        return pd.read_csv(io.BytesIO(text), header=None, usecols=columns, names=_KLINES)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise invalid(f"{path}: is no archive of Binance's: {error}") from error


def _check_digest(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.CHECKSUM")
    try:
        words = beside.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        text = f"{path}: download its digest to {beside.name} beside it ({error})"
        raise invalid(text) from error
    found = hashlib.sha256(content).hexdigest()
    if not words or words[0].lower() != found:
        told = words[0] if words else "nothing"
        raise invalid(f"{path}: its sha256 is {found}, {beside.name} says {told}: download both")


def _only_member(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) != 1 or not members[0].filename.endswith(".csv"):
            raise invalid(f"{path}: an archive holds one .csv file, this one {len(members)} files")
        if members[0].file_size > _MOST_BYTES:
            raise invalid(f"{path}: {members[0].file_size} bytes are no month of bars")
        return archive.read(members[0])
