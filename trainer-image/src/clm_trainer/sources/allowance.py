"""How fast an exchange is asked: a share of what it allows an address, never all of it.

Limits are counted per address, and the owner's trading bot may share it.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from clm_api import environment
from clm_api.errors import SpecError

DEFAULT_SHARE = 0.5
_AIM = 0.9
"""Part of the share that is aimed at: minutes of the exchange and ours don't begin together."""
_BURST_S = 1.0
"""How much of a slow request's time may be caught up."""
_USED = "x-mbx-used-weight-1m"


@dataclass(frozen=True)
class Allowance:
    """What an exchange allows an address.

    Parameters
    ----------
    weight_a_minute
        The limit.
    weight_of_cost
        Weight of one unit of ccxt's cost.
    """

    weight_a_minute: float
    weight_of_cost: float = 1.0


BINANCE = {"spot": Allowance(6000, 5), "usdm": Allowance(2400)}


def configured_share() -> float:
    """Return the share that CLM may take, from the environment.

    Raises
    ------
    SpecError
        It is no number above 0 and up to 1.
    """
    text = os.environ.get(environment.EXCHANGE_SHARE) or str(DEFAULT_SHARE)
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise SpecError(environment.EXCHANGE_SHARE, f'"{text}" is no number above 0 and up to 1')
    return share


class Pacer:
    """Lets requests go so that their weight stays within a share of the allowance.

    Parameters
    ----------
    clock, sleep
        Seconds that only grow, and waiting.
    """

    def __init__(
        self,
        allowance: Allowance,
        share: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._allowance, self._clock, self._sleep = allowance, clock, sleep
        self._limit = share * allowance.weight_a_minute
        self._rate = self._limit * _AIM / 60
        self._next = clock()
        self.requests = 0

    def wait(self, cost: float | None = None) -> None:
        """Wait until a request of this cost, in ccxt's units, may go; count it."""
        self.requests += 1
        weight = (1.0 if cost is None else cost) * self._allowance.weight_of_cost
        now = self._clock()
        if self._next > now:
            self._sleep(self._next - now)
        self._next = max(self._next, now - _BURST_S) + weight / self._rate

    def heard(self, headers: Mapping[str, str]) -> None:
        """Hold the next request back until the minute turns if the share of this one is used up.

        What others on the same address used counts as well.
        """
        found = {name.lower(): value for name, value in headers.items()}
        if _USED not in found or float(found[_USED]) < self._limit:
            return
        second = parsedate_to_datetime(found["date"]).second if "date" in found else 0
        self._next = max(self._next, self._clock() + 61 - second)
