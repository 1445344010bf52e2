"""A real browser that lays the tear sheet out: on a screen of some width, and on paper."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
_MEASURE = """
const frame = document.querySelector("iframe"), page = frame.contentDocument;
const shown = [...page.querySelectorAll("svg")].filter(s => s.getBoundingClientRect().width > 0);
const box = e => e.getBoundingClientRect();
const axes = s => {
  const lines = [...s.querySelectorAll('path[style*="--grid"]')].map(box).filter(b => b.width > 50);
  return [Math.min(...lines.map(b => b.left)), Math.max(...lines.map(b => b.right))];
};
const outside = [...page.querySelectorAll("main *")].filter(e =>
  !e.closest(".wide") && !e.closest("svg") && !e.closest("details:not([open])")
  && box(e).right > frame.clientWidth + 0.5).map(e => e.tagName + " " + e.textContent.slice(0, 40));
document.querySelector("pre").textContent = JSON.stringify({
  width: page.documentElement.scrollWidth, outside,
  plots: shown.map(s => ({
    name: s.getAttribute("aria-label"), axes: axes(s), width: box(s).width,
    letters: Math.min(...[...s.querySelectorAll("text")].map(t => box(t).height)),
    overlap: [...s.querySelectorAll("text")].some((t, i, all) => all.slice(i + 1).some(u =>
      box(t).right > box(u).left && box(u).right > box(t).left
      && box(t).bottom > box(u).top + 2 && box(u).bottom > box(t).top + 2)),
  })),
  letters: Math.min(...[...page.querySelectorAll("p, td, th, span, summary")]
    .map(e => parseFloat(getComputedStyle(e).fontSize))),
  background: getComputedStyle(page.body).backgroundColor,
});
"""


def _run(folder: Path, *arguments: str) -> str:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser, "chromium is needed: tools/setup/browser.sh installs it"
    command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def laid_out(page: str, width: int, folder: Path) -> dict[str, Any]:
    """Lay a page out in a frame ``width`` px wide and return what a script measures from outside.

    A window itself can't be as narrow as a telephone.
    """
    outer = folder / f"outer-{width}.html"
    outer.write_text(
        f'<meta charset="utf-8"><pre></pre><iframe style="border:0" width="{width}" height="9000" '
        f'srcdoc="{html.escape(page)}"></iframe>'
        f'<script>addEventListener("load", () => {{{_MEASURE}}})</script>'
    )
    dom = _run(folder, "--virtual-time-budget=10000", "--dump-dom", outer.as_uri())
    found = re.search(r"<pre>(.*?)</pre>", dom, re.DOTALL)
    assert found
    measured: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return measured


@dataclass(frozen=True)
class Line:
    """A line of text on paper; ``top`` in points from the page's upper edge."""

    page: int
    top: float
    text: str


def printed(page: str, folder: Path) -> list[Line]:
    """Print a page on A4 and return its lines, from the top of the first sheet on."""
    assert shutil.which("pdftotext"), "poppler-utils is needed: tools/setup/browser.sh installs it"
    source, pdf = folder / "print.html", folder / "print.pdf"
    source.write_text(page)
    _run(folder, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", source.as_uri())
    text = subprocess.run(
        ["pdftotext", "-bbox-layout", pdf, "-"], check=True, capture_output=True, text=True
    ).stdout
    tree = ET.fromstring(re.sub(r' xmlns="[^"]*"', "", text))
    lines = [
        Line(number, float(line.attrib["yMin"]), " ".join(w.text or "" for w in line.iter("word")))
        for number, sheet in enumerate(tree.iter("page"))
        for line in sheet.iter("line")
    ]
    return sorted(lines, key=lambda line: (line.page, line.top))
