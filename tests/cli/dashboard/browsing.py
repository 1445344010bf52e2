"""A real headless browser on the pages, and what it complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright

_PATIENCE_MS = 15_000
SANDBOXED = "Blocked script execution in"
"""What the browser says of a script in a tear sheet: that is the sandbox at work."""
_OUTSIDE = """() => [...document.querySelectorAll("main *, header *")].filter(e => {
  const box = e.getBoundingClientRect();
  return box.right > document.documentElement.clientWidth + 1 && box.width > 1
    && !e.closest(".scroll") && !e.closest("dialog:not([open])") && !e.closest("svg");
}).map(e => e.tagName + " " + e.textContent.slice(0, 40))"""
_HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter(e => !e.closest("dialog")).map(e => Number(e.tagName[1]))"""
_NAMED = frozenset(
    {"link", "button", "textbox", "searchbox", "combobox", "checkbox", "image", "img", "region",
     "progressbar", "ProgressIndicator", "Iframe", "dialog", "search", "navigation"}
)  # fmt: skip
"""Roles whose elements a screen reader must be able to name."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser once for many pages."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "chromium is needed: tools/setup/browser.sh installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A tab of a browser whose window has opened the dashboard's address."""

    context: BrowserContext
    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, browser: Browser, address: str, **options: Any) -> "Visit":
        """Open the address in a window of its own; ``options`` are Playwright's."""
        context = browser.new_context(**options)
        context.set_default_timeout(_PATIENCE_MS)
        visit = cls(context, context.new_page(), address.partition("/?")[0])
        visit.page.on("console", lambda said: visit._complain(said.type, said.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", visit._note)
        visit.page.on("response", visit._look)
        visit.page.goto(address)
        return visit

    def open(self, path: str) -> Page:
        """Go to a page and wait until it is live."""
        self.page.goto(self.root + path)
        return self.page

    def outside(self) -> list[str]:
        """Return what hangs out of the page at the right."""
        wide = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        found: list[str] = self.page.evaluate(_OUTSIDE)
        return [*found, *(["the page scrolls sideways"] if wide else [])]

    def headings(self) -> list[int]:
        """Return the levels of the headings in their order."""
        levels: list[int] = self.page.evaluate(_HEADINGS)
        return levels

    def nameless(self) -> list[str]:
        """Return the roles of what a screen reader can't name."""
        session = self.context.new_cdp_session(self.page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        session.detach()
        return [
            role
            for node in nodes
            if not node.get("ignored") and (role := node.get("role", {}).get("value")) in _NAMED
            and not node.get("name", {}).get("value")
        ]  # fmt: skip

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(SANDBOXED):
            self.complaints.append(text)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((f"{self.root}/", "data:")):
            self.requests.append(request.url)

    def _look(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")
