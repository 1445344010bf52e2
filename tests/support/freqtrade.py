"""freqtrade in an environment of its own, against the fake exchange."""

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.repository import ROOT

EXAMPLE = ROOT / "examples" / "freqtrade"


@cache
def program() -> Path:
    """Return the command, and install it first if it is missing."""
    setup = [str(ROOT / "tools" / "setup" / "freqtrade.sh")]
    done = subprocess.run(setup, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip()) / "bin" / "freqtrade"


@dataclass(frozen=True)
class Bot:
    """A folder from which freqtrade works with a configuration of the example.

    Parameters
    ----------
    configs
        Names of the example's files.
    """

    folder: Path
    configs: tuple[str, ...]

    @classmethod
    def made(cls, folder: Path, url: str, *configs: str, **more: Any) -> "Bot":
        """Lay what the example's configuration differs by in the test: the exchange, and more."""
        folder.mkdir()
        types = ["linear"] if "config-futures.json" in configs else ["spot"]
        asked = dict.fromkeys(("public", "private"), f"{url}/api/v3")
        futures = ("fapiPublic", "fapiPrivate", "fapiPublicV2", "fapiPublicV3")
        asked |= dict.fromkeys(futures, f"{url}/fapi/v1")
        client = {"options": {"fetchMarkets": {"types": types}}, "urls": {"api": asked}}
        exchange = more.pop("exchange", {}) | {"ccxt_config": client}
        (folder / "test.json").write_text(json.dumps({"exchange": exchange} | more))
        return cls(folder, configs)

    def command(self, name: str, *options: str) -> list[str]:
        """Return the words of a command."""
        files = [*(str(EXAMPLE / name) for name in self.configs), "test.json"]
        where = ["--userdir", str(self.folder), "--strategy-path", str(EXAMPLE / "strategies")]
        if name == "download-data":
            where = where[:2]
        configs = [word for file in files for word in ("--config", file)]
        return [str(program()), name, *where, *configs, *options]

    def run(self, name: str, *options: str) -> str:
        """Run a command to its end and return what it said."""
        asked = self.command(name, *options)
        done = subprocess.run(
            asked, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
