"""``clm dashboard`` on a real cluster: a run is seen, and a promotion is clicked through."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.cli.dashboard.browsing import Visit, chromium
from tests.e2e.conftest import NAMESPACE, Node
from tests.support.repository import ROOT
from tests.support.schedules import schedule

NAME = "looked-at"
LENIENT = {"minSharpe": -10, "minWinRate": 0, "minProfitFactor": 0, "maxDrawdown": 1}


@contextmanager
def dashboard(node: Node) -> Iterator[str]:
    """Start the command as a person does; yield the address that it prints."""
    command = [str(ROOT / ".venv/bin/clm"), "dashboard", "-n", NAMESPACE, "--store", "s3://clm"]
    with subprocess.Popen(
        command, env=node.environment, text=True, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.mark.slow
def test_a_promotion_is_clicked_through(release: Node) -> None:
    criteria = LENIENT | {"minTrades": 0}
    item = schedule(NAME, NAMESPACE, interval="9000d", promotion={"criteria": criteria})
    release.apply(item)
    with dashboard(release) as address, chromium() as browser:
        visit = Visit.begin(browser, address)
        page = visit.page
        page.get_by_role("link", name=NAME, exact=True).click()
        row = page.get_by_role("region", name="All versions").get_by_role("row").nth(1)
        expect(row).to_contain_text("CANDIDATE", timeout=120_000)  # it comes without reloading
        row.get_by_role("link").click()
        page.locator("iframe").scroll_into_view_if_needed()
        expect(page.frame_locator("iframe").get_by_role("heading").first).to_be_visible()
        expect(page.get_by_role("region", name="Log")).to_contain_text("report")
        page.get_by_role("button", name="Promote").click()
        dialog = page.get_by_role("dialog", name="Promote")
        dialog.get_by_role("textbox").fill("seen in the browser")
        dialog.get_by_role("button", name="Promote").click()
        expect(page.locator(".answer.done")).to_contain_text("in production", timeout=30_000)
        there = release.json("tsched", NAME)["status"]["production"]
        assert there["reason"] == "seen in the browser"
        page.get_by_role("link", name=NAME, exact=True).click()
        expect(page.locator("#c-production + p")).to_have_text(there["version"])
        assert (visit.complaints, visit.requests, visit.outside()) == ([], [], [])
    release.kubectl("delete", "tsched", NAME)
