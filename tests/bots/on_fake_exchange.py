"""Runs examples/bot.py with the fake exchange in the place of the testnet."""

import runpy
import sys
from typing import Any

import ccxt.async_support as ccxt

from tests.support.repository import ROOT

url = sys.argv.pop(1)


def moved(self: Any, *_: object) -> None:
    self.urls["api"] = dict.fromkeys(("public", "private", "v1"), f"{url}/api/v3")


ccxt.binance.set_sandbox_mode = moved
runpy.run_path(str(ROOT / "examples" / "bot.py"), run_name="__main__")
