"""Who may read the pages and press their buttons: only the browser that opened the printed address.

Other people work on the same machine, and other sites are open in the same browser.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)
"""What a report of the store may do: show itself, in a frame of ours."""
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none at all, a form of ours has the origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_UNLESS_SET = {"content-security-policy": POLICY, "cache-control": "no-store"}
_METHODS = ("GET", "HEAD", "POST")
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} · clm</title>'
    "{refresh}<h1>{title}</h1><p>{text}</p></html>"
)
_HOW = (
    "Open the address that <code>clm dashboard</code> printed in the terminal, with its token. "
    "If that has ended, run <code>clm dashboard</code> again."
)


@dataclass(frozen=True)
class Guard:
    """Lets requests of the reader's own browser through, and says on every answer what it may do.

    Parameters
    ----------
    port
        Where the pages are served; names the cookie, too: ports of one host share cookies.
    token
        Part of the printed address. It may be opened again: it is as secret as the terminal.
    session
        What the browser keeps instead.
    """

    app: App
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def address(self) -> str:
        """The address to open."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                for name, value in _UNLESS_SET.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._answer(scope)
        await (refusal or self.app)(scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """Return what is answered instead of a page; None where the page may be shown."""
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            return _refused("This name of the host is not served", f"Use 127.0.0.1:{self.port}.")
        if scope["method"] not in _METHODS:
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = dict(query).get("token")
        if token is not None and scope["method"] == "GET" and _same(token, self.token):
            return self._welcome(scope, query, headers)
        if not any(_same(one, self.session) for one in _cookies(headers, self._name)):
            return _refused("Not opened by its address", _HOW)
        if not _from_here(scope["method"], headers):
            return _refused("Asked from another site", "Forms are sent from these pages alone.")
        return None

    @property
    def _hosts(self) -> tuple[str, ...]:
        return tuple(f"{host}:{self.port}" for host in ("127.0.0.1", "localhost"))

    @property
    def _name(self) -> str:
        return f"clm_{self.port}"

    def _welcome(self, scope: Scope, query: list[tuple[str, str]], headers: Headers) -> Response:
        """Give the cookie, and show the page at an address without the token.

        A browser that comes from a file or another site sends no strict cookie along a redirect:
        it gets a page that goes on by itself.
        """
        rest = urlencode([(key, value) for key, value in query if key != "token"])
        place = quote("/" + scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
        answer: Response = RedirectResponse(place, HTTPStatus.SEE_OTHER)
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            shown = place.replace("&", "&amp;").replace('"', "%22").replace("'", "%27")
            refresh = f'<meta http-equiv="refresh" content="0; url={shown}">'
            text = f'<a href="{shown}">Go on</a>'
            answer = HTMLResponse(_PAGE.format(title="Welcome", refresh=refresh, text=text))
        answer.set_cookie(self._name, self.session, httponly=True, samesite="strict")
        return answer


def _refused(title: str, text: str) -> Response:
    page = _PAGE.format(title=title, refresh="", text=text)
    return HTMLResponse(page, HTTPStatus.FORBIDDEN)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _cookies(headers: Headers, name: str) -> list[str]:
    """Return all values of a cookie, whatever other programs of this machine have set beside it.

    Every port shares its cookies: a strict parser stops at the first that is written badly.
    """
    parts = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return [value for found, _, value in parts if found == name]


def _from_here(method: str, headers: Headers) -> bool:
    """Whether a page of ours asks, or a person who opens a page.

    Another port of this machine is another origin and yet the same site: its pages' requests
    bring the cookie.
    """
    site = headers.get("sec-fetch-site", "same-origin")
    if method == "POST":
        return headers.get("origin") == f"http://{headers['host']}" and site == "same-origin"
    opened = headers.get("sec-fetch-mode") == "navigate"
    opened = opened and headers.get("sec-fetch-dest") == "document"
    return site in ("same-origin", "none") or opened
