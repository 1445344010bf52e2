"""The freqtrade strategy refuses what would trade otherwise, and finishes what was cut."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.bots.signals import now, signal_file
from tests.support.fake_exchange import FakeExchange, Listing
from tests.support.fake_exchange.listings import frame_of
from tests.support.freqtrade import EXAMPLE, Bot, program
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow
WRONG = {
    "minimal_roi": {"0": 0.02},
    "stoploss": -0.05,
    "trailing_stop": True,
    "use_exit_signal": False,
    "exit_profit_only": True,
    "process_only_new_candles": True,
    "position_adjustment_enable": False,
    "max_entry_position_adjustment": 3,
    "max_open_trades": 1,
}
"""What people have in the configuration of another strategy."""


def test_a_configuration_by_which_it_would_trade_otherwise_is_refused(tmp_path: Path) -> None:
    start = (now() - timedelta(hours=1)).replace(second=0)
    flat = frame_of(np.zeros(60), "1m", start.isoformat(), 1)
    listings = [Listing(base, {"1m": flat}) for base in ("SYNA", "SYNB")]
    pairs = {"pair_whitelist": ["SYNA/USDT", "SYNB/USDT"]}
    with FakeExchange(listings, now()).serve() as exchange:
        bot = Bot.made(
            tmp_path / "bot", exchange.url, "config-dry-run.json", exchange=pairs, **WRONG
        )
        done = subprocess.run(
            bot.command("trade"), cwd=bot.folder, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "FollowProduction can't follow: minimal_roi is {0: 0.02}, and has to be {};" in said
    assert [name for name in WRONG if f"{name} is " not in said] == []
    assert "max_open_trades is 1, and there are 2 pairs" in said


def test_an_order_that_was_cut_is_finished_and_a_whole_one_is_left_alone(tmp_path: Path) -> None:
    signal = tmp_path / "signal.json"
    held = {"BTC/USDT": 0.5, "ETH/USDT": 0.0}
    file = signal_file(held, bar=timedelta(hours=1), namespace="trading")
    signal.write_text(json.dumps(file))
    script = ROOT / "tests" / "bots" / "partly_filled.py"
    done = subprocess.run(
        [program().with_name("python"), script, EXAMPLE, signal], cwd=tmp_path,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    change, why = said["0.4"]
    assert why == "btc-eth-1 0.5"
    # The sleeve of 5,000 holds 2,000 and paid its fee of 2; 10 bp of what is bought comes off.
    assert change == pytest.approx(0.5 * (4998 + 0.001 * 2000) / 1.0005 - 2000)
    assert (said["0.9995"], said["1.0"]) == (None, None)
