"""ccxt's clients, told what they need not ask for and where to ask."""

import difflib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import ccxt

from clm_api import environment
from clm_api.errors import SpecError

_TYPES = {"spot": ("spot",), "usdm": ("linear", "swap")}
"""What exchanges call a market when asked for its symbols."""


def make_client(name: str, market: str, *, sandbox: bool) -> Any:
    """Return ccxt's client of one market of an exchange, or of its testnet.

    Raises
    ------
    SpecError
        There is no such exchange, it offers no bars, or it has no testnet.
    """
    if name not in ccxt.exchanges:
        near = ", ".join(difflib.get_close_matches(name, ccxt.exchanges, 3)) or "none"
        raise SpecError("spec.data.exchange", f'"{name}" is no ccxt exchange; near: {near}')
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
        types = [kind for kind in asked["types"] if kind in _TYPES[market]]
        options["fetchMarkets"] = {**asked, "types": types}
    if sandbox:
        if not client.urls.get("test"):
            raise SpecError("spec.data.sandbox", f"{name} has no testnet")
        client.set_sandbox_mode(True)
    client.on_json_response = partial(_parsed, client.on_json_response)
    if url := os.environ.get(environment.EXCHANGE_URL):
        _redirect(client, url.rstrip("/"))
    return client


def _redirect(client: Any, url: str) -> None:
    """Send the API's requests to another host, for proxies."""
    api = client.urls["api"]
    for group, address in list(api.items()) if isinstance(api, dict) else ():
        if isinstance(address, str):
            path = address.split("/", 3)
            api[group] = f"{url}/{path[3]}" if len(path) > 3 else url


def _parsed(parse: Callable[[str], Any], body: str) -> Any:
    """Ccxt takes JSON that is cut off for text; here it is an error."""
    try:
        return parse(body)
    except ValueError as error:
        raise ccxt.BadResponse(f"JSON that can't be read: {error}") from error
