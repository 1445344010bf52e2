"""Only the browser that opened the printed address reads pages and presses buttons."""

import re
from typing import Any

import pytest

from clm_cli.dashboard.guard import Guard
from tests.cli.dashboard.served import Served

OTHER_PORT = "http://127.0.0.1:1"
REQUESTS: list[tuple[str, str, str, dict[str, str], int]] = [
    ("a page", "GET", "/", {}, 200),
    ("a page by the other name", "GET", "/", {"host": "localhost:{port}"}, 200),
    ("a page of another name that leads here", "GET", "/", {"host": "evil.example:{port}"}, 403),
    ("a page without a port", "GET", "/", {"host": "127.0.0.1"}, 403),
    ("no cookie", "GET", "/", {"cookie": ""}, 403),
    ("a wrong cookie", "GET", "/", {"cookie": "clm_{port}=x"}, 403),
    ("a cookie beside badly written ones of other programs", "GET", "/",
     {"cookie": 'theme={{"a": "b"}}; x y; clm_{port}=x; clm_{port}={session}'}, 200),
    ("a cookie that is none", "GET", "/", {"cookie": "=;=\x7f;clm_{port}"}, 403),
    ("a library without a cookie", "GET", "/static/htmx.min.js", {"cookie": ""}, 403),
    ("a stream without a cookie", "GET", "/events?topic=schedules", {"cookie": ""}, 403),
    ("a wrong token", "GET", "/?token=x", {"cookie": ""}, 403),
    ("the token in a form", "POST", "/?token={token}", {"cookie": ""}, 403),
    ("a picture on another site", "GET", "/", {"sec_fetch_site": "cross-site"}, 403),
    ("a script of another port", "GET", "/", {"sec_fetch_site": "same-site"}, 403),
    ("a link on another site", "GET", "/",
     {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
     200),
    ("a frame on another site", "GET", "/",
     {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
     403),
    ("a form without an origin", "POST", "/ns/trading/schedules/btc-eth/ask", {}, 403),
    ("a form of another site", "POST", "/ns/trading/schedules/btc-eth/ask",
     {"origin": "https://evil.example"}, 403),
    ("a form of another port", "POST", "/ns/trading/schedules/btc-eth/ask",
     {"origin": OTHER_PORT}, 403),
    ("a form of a sandboxed report", "POST", "/ns/trading/schedules/btc-eth/ask",
     {"origin": "null"}, 403),
    ("a form that was not issued here", "POST", "/ns/trading/schedules/btc-eth/ask",
     {"origin": "http://127.0.0.1:{port}"}, 403),
    ("another method", "DELETE", "/", {}, 405),
    ("no such page", "GET", "/nothing", {}, 404),
    ("a path outside", "GET", "/static/..%2Fapp.py", {}, 404),
]  # fmt: skip


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case[0])
def test_who_is_let_through(case: Any, alone: Served) -> None:
    _, method, path, headers, status = case
    known = {"port": alone.browser.port, "token": alone.guard.token}
    known["session"] = alone.guard.session
    filled = {name: value.format_map(known) for name, value in headers.items()}
    reply = alone.browser.ask(method, path.format_map(known), **filled)
    assert reply.status == status
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in reply.headers
    if status == 403:
        assert "btc-eth" not in reply.text
        assert alone.guard.token not in reply.text


def test_the_address_gives_a_strict_cookie_and_goes_away(alone: Served) -> None:
    for _ in range(2):  # the printed link may be opened again
        reply = alone.stranger.get(f"/simulations?token={alone.guard.token}&phase=Running")
        assert (reply.status, reply.headers["location"]) == (303, "/simulations?phase=Running")
        cookie = reply.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert alone.guard.token not in cookie
    assert len(alone.guard.token) >= 43  # 256 bits


@pytest.mark.parametrize("path", ["//evil.example/", "/%2F/evil.example", "/\\evil.example"])
def test_the_address_leads_to_no_other_site(path: str, alone: Served) -> None:
    reply = alone.stranger.get(f"{path}?token={alone.guard.token}")
    assert re.match(r"/(%5C)?evil\.example", reply.headers["location"])


def test_a_browser_that_comes_from_a_file_goes_on_by_itself(alone: Served) -> None:
    reply = alone.stranger.get(f"/?token={alone.guard.token}", sec_fetch_site="cross-site")
    assert reply.status == 200
    assert '<meta http-equiv="refresh" content="0; url=/">' in reply.text
    assert "set-cookie" in reply.headers


def test_secrets_are_told_by_no_representation() -> None:
    async def app(*_: Any) -> None: ...

    guard = Guard(app, 1)
    assert guard.token not in repr(guard)
    assert guard.session not in repr(guard)
    assert guard.token != Guard(app, 1).token


def test_a_page_says_how_to_open_it(alone: Served) -> None:
    assert "clm dashboard" in alone.stranger.get("/").text
