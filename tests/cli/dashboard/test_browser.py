"""The pages in a real browser: on desk and telephone, light and dark, by keyboard, live."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, expect

from clm_cli.cluster import Cluster
from clm_cli.dashboard.actions import Ledger
from clm_cli.dashboard.app import Desk
from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.store_files import StoreFiles
from clm_cli.dashboard.watching import Watching
from clm_cli.dashboard.world import Kind
from clm_cli.server import Server
from tests.cli.dashboard.browsing import Visit, chromium
from tests.cli.dashboard.filled import fill
from tests.cli.dashboard.lived import BEFORE, THERE, fleet, lived
from tests.cli.dashboard.served import Served, at_noon, nowhere, served
from tests.cli.dashboard.test_actions import decide
from tests.cli.dashboard.worlds import known
from tests.cli.namespace import Namespace
from tests.cli.test_versions import put_two

PAGES = {
    "fleet": "/",
    "a fleet that was searched in vain": "/?q=nothing",
    "schedule": "/ns/trading/schedules/btc-eth",
    "schedule without runs": "/ns/trading/schedules/held",
    "version": f"/ns/trading/versions/{THERE}",
    "version that runs": "/ns/trading/versions/btc-eth-64",
    "compare": f"/compare?v=trading%2F{THERE}&v=trading%2F{BEFORE}&v=trading%2Fbtc-eth-57",
    "simulations": "/simulations",
    "simulation": "/ns/trading/simulations/going",
}
SCREENS = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard of a fleet that has lived, with a store; its cluster is away."""
    objects = [*lived(), *fleet()]
    store = StoreFiles(fill(tmp_path_factory.mktemp("store"), objects), at_noon)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(nowhere(tmp_path_factory.mktemp("nowhere"))))
        ledger = Ledger(Cluster(None), at_noon)
    with served(Desk(known(*objects), at_noon, ledger, store, "alice")) as made:
        yield made


@pytest.fixture(scope="module")
def visits(browser: Browser, board: Served) -> Iterator[dict[tuple[int, str], Visit]]:
    made = {
        (width, scheme): Visit.begin(
            browser,
            board.guard.address,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        for width, scheme in SCREENS
    }
    yield made
    for visit in made.values():
        visit.context.close()


@pytest.fixture
def visit(visits: dict[tuple[int, str], Visit]) -> Visit:
    return visits[1280, "light"]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda s: f"{s[0]} px, {s[1]}")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_and_the_browser_has_no_complaint(
    name: str, screen: tuple[int, str], visits: dict[tuple[int, str], Visit]
) -> None:
    visit = visits[screen]
    page = visit.open(PAGES[name])
    assert visit.outside() == []
    assert visit.nameless() == []
    levels = visit.headings()
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", ground)[0]) < 128) == (screen[1] == "dark")
    assert (visit.complaints, visit.requests) == ([], [])


def test_plots_tables_and_files_of_the_store_are_on_the_pages(visit: Visit) -> None:
    page = visit.open(PAGES["schedule"])
    for name in ("Time line of slots", "largest drawdown of each version", "Equity of production"):
        expect(page.get_by_role("img", name=name)).to_be_visible()
    page = visit.open(PAGES["version"])
    sheet = page.frame_locator("iframe")
    expect(sheet.get_by_text("Tear sheet of a run")).to_be_visible()
    assert page.evaluate("document.querySelector('iframe').sandbox.length") == 0
    expect(page.get_by_text("a line <b>of another program</b>")).to_be_visible()
    expect(page.get_by_role("row", name="largest drawdown")).to_contain_text("passed")
    page = visit.open(PAGES["compare"])
    expect(page.get_by_role("img", name="Equity of the backtests")).to_be_visible()


def test_schedules_are_found_by_the_keyboard_alone(visit: Visit) -> None:
    page = visit.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("searchbox", name="Search").focus()
    page.keyboard.type("halt")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=halt*")
    expect(page.get_by_role("row")).to_have_count(2)  # the headings, and the one that was found
    page.get_by_role("link", name="halted", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("halted")


def test_a_dialog_opens_and_closes_by_the_keyboard(visit: Visit) -> None:
    page = visit.open(PAGES["schedule"])
    halt = page.get_by_role("button", name="Halt")
    halt.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Halt")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text(THERE)
    dialog.get_by_role("button", name="Halt").click()  # no reason yet: the browser keeps it here
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(halt).to_be_focused()


def test_chosen_versions_are_compared(visit: Visit) -> None:
    page = visit.open(PAGES["schedule"])
    for name in ("btc-eth-63", "btc-eth-61"):
        page.get_by_role("checkbox", name=f"compare {name}").check()
    page.get_by_role("button", name="Compare the chosen ones").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 versions")
    expect(page.get_by_role("link", name="btc-eth-63")).to_be_visible()


def test_a_change_arrives_without_reloading_and_nothing_that_was_begun_is_lost(
    visit: Visit, board: Served
) -> None:
    page = visit.open(PAGES["schedule"])
    page.evaluate("window.marked = true")
    chosen = page.get_by_role("checkbox", name="compare btc-eth-60")
    chosen.check()
    running = lived()[-1]
    running["metadata"]["resourceVersion"] = "later"
    running["status"]["progress"] |= {"stage": "backtest", "percent": 77, "message": "fold 3"}
    board.desk.objects.put(Kind.VERSIONS, running)
    expect(page.get_by_role("row", name="btc-eth-64")).to_contain_text("77 %")
    expect(page.get_by_role("row", name="btc-eth-64")).to_contain_text("backtest: fold 3")
    expect(chosen).to_be_checked()
    expect(chosen).to_be_focused()
    assert page.evaluate("window.marked") is True
    running["metadata"]["resourceVersion"] = "last"
    running["status"] |= {"phase": "Failed", "stage": "FAILED", "reason": "DataGapTooLong"}
    board.desk.objects.put(Kind.VERSIONS, running)
    expect(page.locator("#said")).to_contain_text("newest run FAILED")
    assert page.evaluate("window.marked") is True


def test_a_promotion_is_clicked_through_against_a_real_api_server(
    api: Namespace, browser: Browser
) -> None:
    put_two(api)
    desk = Desk(Objects(), at_noon, Ledger(Cluster(None), at_noon))
    watching = Watching(Server(), desk.objects, api.name, at_noon)
    watching.begin()
    with served(desk) as board:
        visit = Visit.begin(browser, board.guard.address)
        page = visit.page
        page.get_by_role("link", name="btc-eth", exact=True).click()
        page.get_by_role("row", name="compare btc-1").get_by_role("link").click()
        page.get_by_role("button", name="Promote").click()
        dialog = page.get_by_role("dialog", name="Promote")
        expect(dialog).to_contain_text("in the place of btc-2")
        dialog.get_by_role("textbox").fill("fewer losses")
        dialog.get_by_role("button", name="Promote").click()
        expect(page.get_by_text("Promotion of btc-1 waits for the operator")).to_be_visible()
        request = api.read("ModelVersion", "btc-1")["spec"]["request"]
        assert request == {
            "stage": "PRODUCTION", "by": "admin", "reason": "fewer losses", "replaces": "btc-2",
        }  # fmt: skip
        decide(api, "btc-1", "Promoted", "in production, in the place of btc-2")
        expect(page.locator(".answer.done")).to_contain_text("btc-1 in production")
        assert (visit.complaints, visit.requests) == ([], [])
        visit.context.close()
    watching.end()
