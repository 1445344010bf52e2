"""``clm data import`` for perpetuals: both spellings, funding, and what it refuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clm_api.errors import ClmError
from tests.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "160"})
FUNDING = "timestamp,funding_rate\n2025-01-31 16:00Z,0.0001\n2025-02-01 00:00Z,-0.0002\n"
BARS = "timestamp,open,high,low,close,volume\n2025-01-31 16:00Z,1,1,1,1,1\n"


def imported(folder: Path, *options: str, content: str = FUNDING) -> str:
    path = folder / "made-up.csv"
    path.write_text(content)
    arguments = ["data", "import", str(path), "--store", str(folder / "store"), *options]
    result = RUNNER.invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def files(folder: Path) -> list[str]:
    store = folder / "store" / "bars" / "v1"
    return sorted(str(p.relative_to(store)) for p in store.rglob("*.parquet"))


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT"])
def test_funding_lies_beside_the_bars_under_the_full_name(symbol: str, tmp_path: Path) -> None:
    options = ("--market", "usdm", "--symbol", symbol)
    said = imported(tmp_path, "--funding", *options)
    assert said == (
        "binance usdm BTC/USDT:USDT funding: 2 events 2025-01-31 16:00..2025-02-01 00:00, "
        f"2 without mark price, 2 months written to {tmp_path}/store\n"
    )
    imported(tmp_path, *options, content=BARS)
    folder = "binance/usdm/BTC-USDT_USDT"
    assert files(tmp_path) == [
        f"{folder}/1h/2025-01.parquet",
        f"{folder}/funding/2025-01.parquet",
        f"{folder}/funding/2025-02.parquet",
    ]


def test_both_spellings_name_the_same_funding(tmp_path: Path) -> None:
    imported(tmp_path, "--funding", "--market", "usdm", "--symbol", "BTC/USDT")
    again = imported(tmp_path, "--funding", "--market", "usdm", "--symbol", "BTC/USDT:USDT")
    assert "0 months written" in again


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--funding", "--symbol", "BTC/USDT"],
         "--funding: needs --market usdm: nothing on spot pays funding"),
        (["--symbol", "BTC/USDT:USDT"],
         '--symbol: "BTC/USDT:USDT" is refused: a symbol with a colon names a perpetual'),
        (["--market", "usdm", "--symbol", "BTC/USD:BTC"],
         '--symbol: "BTC/USD:BTC" is refused: a linear perpetual settles in its quote currency'),
        (["--market", "coinm", "--symbol", "BTC/USD"], '--market: "coinm" is refused'),
    ],
    ids=["funding on spot", "a perpetual on spot", "an inverse perpetual", "another market"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    options: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ClmError) as caught:
        imported(tmp_path, *options)
    assert (caught.value.reason, caught.value.exit_code) == ("SpecInvalid", 64)
    assert caught.value.message.startswith(said)
    assert not (tmp_path / "store").exists()


def test_a_file_of_bars_is_no_funding(tmp_path: Path) -> None:
    with pytest.raises(ClmError, match="column funding_rate is missing"):
        imported(tmp_path, "--funding", "--market", "usdm", "--symbol", "BTC/USDT", content=BARS)
