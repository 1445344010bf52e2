"""ccxt's clients, told what they need not ask for and where to ask."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import ccxt

from clm_api import environment
from clm_api.errors import SpecError
from clm_trainer.sources.venues import require_known

_TYPES = {"spot": ("spot",), "usdm": ("linear", "swap")}
"""What exchanges call a market when asked for its symbols."""


def make_client(name: str, market: str, *, sandbox: bool) -> Any:
    """Return ccxt's client of one market of an exchange, or of its testnet.

    Raises
    ------
    SpecError
        There is no such exchange, it offers no bars, or it has no testnet.
    """
    require_known(name, ccxt.exchanges, ccxt.__version__)
    settings = {"enableRateLimit": True, "timeout": 20_000, "requests_trust_env": True}
    client: Any = getattr(ccxt, name)(settings)  # proxies and authorities of the environment
    if not client.has.get("fetchOHLCV"):
        raise SpecError("spec.data.exchange", f"{name} offers no bars: import them from files")
    client.has["fetchCurrencies"] = False  # of no use here, and private on some exchanges
    options = client.options
    options |= {"defaultType": "spot" if market == "spot" else "swap", "fetchMargins": False}
    options["disableFuturesSandboxWarning"] = True
    asked = options.get("fetchMarkets")
    if isinstance(asked, dict) and "types" in asked:
        options["fetchMarkets"] = {**asked, "types": _only(asked["types"], _TYPES[market])}
    if sandbox:
        if not client.urls.get("test"):
            raise SpecError("spec.data.sandbox", f"{name} has no testnet")
        client.set_sandbox_mode(True)
    client.on_json_response = partial(_parsed, client.on_json_response)
    if url := os.environ.get(environment.EXCHANGE_URL):
        _redirect(client, url.rstrip("/"))
    return client


def _only(types: Any, wanted: tuple[str, ...]) -> Any:
    """Return the wanted kinds of markets, as a list or a table of switches as the client has it."""
    if isinstance(types, dict):
        return {kind: on if kind in wanted else False for kind, on in types.items()}
    return [kind for kind in types if kind in wanted]


def _redirect(client: Any, url: str) -> None:
    """Send the API's requests to another host, for proxies."""
    client.urls["api"] = _moved(client.urls["api"], url)


def _moved(api: Any, url: str) -> Any:
    """Return addresses, single or in groups of groups, with another host."""
    if isinstance(api, dict):
        return {group: _moved(addresses, url) for group, addresses in api.items()}
    if not isinstance(api, str):
        return api
    path = api.split("/", 3)
    return f"{url}/{path[3]}" if len(path) > 3 else url


def _parsed(parse: Callable[[str], Any], body: str) -> Any:
    """Ccxt takes JSON that is cut off for text; here it is an error."""
    try:
        return parse(body)
    except ValueError as error:
        raise ccxt.BadResponse(f"JSON that can't be read: {error}") from error
