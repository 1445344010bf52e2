"""Paths of the store: where things lie, what lies at a path, and that nobody else makes one."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api import layout
from clm_api.layout import OwnSeriesLayout, ReplayReport, RunAddress, RunLayout, SeriesLayout

ROOT = Path(__file__).parents[2]
RUN = RunLayout("ns", "btc", "uid-0")
OWN = OwnSeriesLayout("mood")
BARS = SeriesLayout("binance", "usdm", "BTC/USDT:USDT", "1h")
WHERE = {
    "manifest": (RUN.manifest, "runs/ns/btc/uid-0/manifest.json"),
    "log": (RUN.log("pod"), "runs/ns/btc/uid-0/attempts/pod/log.jsonl"),
    "progress": (RUN.progress("pod"), "runs/ns/btc/uid-0/attempts/pod/progress.json"),
    "a file of a pod": (RUN.attempt_file("pod", "a.json"), "runs/ns/btc/uid-0/attempts/pod/a.json"),
    "a listed file": (RUN.file("attempts/pod/a.json"), "runs/ns/btc/uid-0/attempts/pod/a.json"),
    "whoever's file": (RUN.pattern_of("a.json"), "runs/ns/btc/uid-0/attempts/*/a.json"),
    "all of a run": (RUN.pattern, "runs/ns/btc/uid-0/*"),
    "tombstone": (RUN.tombstone, "tombstones/ns/btc/uid-0.json"),
    "signal": (layout.newest_signal("ns", "btc"), "signals/ns/btc.json"),
    "pointer": (layout.production_pointer("ns", "btc"), "production/ns/btc.json"),
    "report": (layout.replay_report("ns", "btc", "uid", 29), "evaluations/ns/btc/uid/29.json"),
    "backup": (
        layout.backup("ns", datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)),
        "backups/ns/20260301T123005Z.json",
    ),
    "a series": (BARS.pattern("1h"), "bars/v1/binance/usdm/BTC-USDT_USDT/1h/*"),
    "own trades": (
        BARS.pattern(layout.trades_of("*")), "bars/v1/binance/usdm/BTC-USDT_USDT/trades-*/*",
    ),
    "a symbol": (BARS.symbol_pattern, "bars/v1/binance/usdm/BTC-USDT_USDT/*"),
    "a market": (BARS.market_pattern("funding"), "bars/v1/binance/usdm/*/funding/*"),
    "an own series": (OWN.pattern, "series/v1/mood/*"),
    "what it has": (OWN.header, "series/v1/mood/series.json"),
    "its rows": (OWN.month("", "2025-11"), "series/v1/mood/all/2025-11.parquet"),
    "a symbol's": (OWN.month("BTC/USDT", "2025-11"), "series/v1/mood/BTC-USDT/2025-11.parquet"),
    "leases": (BARS.lease_pattern, "leases/binance/usdm/*"),
    "in a folder": (layout.inside("namespaces/ns", "bans/okx.json"), "namespaces/ns/bans/okx.json"),
    "in none": (layout.inside("", "bans/okx.json"), "bans/okx.json"),
}  # fmt: skip


@pytest.mark.parametrize(("made", "path"), WHERE.values(), ids=WHERE)
def test_things_lie_where_they_lay(made: str, path: str) -> None:
    assert made == path


@pytest.mark.parametrize("symbol", ["", "BTC/USDT", "all/USDT"])
def test_the_symbol_of_an_own_series_rows_is_read_back(symbol: str) -> None:
    assert OwnSeriesLayout.symbol_at(OWN.month(symbol, "2025-11")) == symbol


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,9}", fullmatch=True)


@given(names, names, names, names)
def test_what_was_made_is_read(namespace: str, schedule: str, uid: str, attempt: str) -> None:
    run = RunLayout(namespace, schedule, uid)
    objects = (run.prefix, run.manifest, run.log(attempt), run.attempt_file(attempt, "model/a.ubj"))
    assert [RunLayout.at(path) for path in objects] == [run] * 4
    for address in (f"s3://bucket/runs/{run.prefix}", f"s3://bucket/runs/{run.manifest}"):
        assert layout.run_address(address) == RunAddress("s3://bucket/runs", run)
    path = run.relative_file(attempt, "model/a.ubj")
    assert run.name_of(attempt, path) == "model/a.ubj"
    report = layout.replay_report(namespace, schedule, uid, 29410920)
    assert layout.report_at(report) == ReplayReport(schedule, uid, 29410920)
    month = SeriesLayout(namespace, "spot", "BTC/USDT", "1h")
    path = month.month("2025-11")
    assert (layout.series_of(path), layout.month_of(path)) == (month, "2025-11")


@pytest.mark.parametrize(
    "address",
    ["s3://m/btc-0/manifest.json", "runs/ns/btc/uid/manifest.json", "s3://m/runs/ns/btc",
     "s3://m/runs/ns/btc/uid/attempts/pod/report.html", "s3://m/runs/ns/../uid/manifest.json"],
    ids=["no run", "no store", "too short", "a file of a run", "a way out"],
)  # fmt: skip
def test_an_address_that_is_no_runs(address: str) -> None:
    assert layout.run_address(address) is None


@pytest.mark.parametrize("path", ["runs/ns/btc", "evaluations/ns/btc/uid/x.json", "backups/x"])
def test_a_path_of_something_else(path: str) -> None:
    found = (RunLayout.at(path), layout.report_at(path), layout.month_of(path))
    assert found == (None, None, None)
    assert layout.backup_time(path) is None


SOURCES = [ROOT / f"{folder}/src" for folder in ("crds", "operator", "trainer-image", "cli")]
SOURCES.append(ROOT / "tests/support")
LAYOUT = ROOT / "crds/src/clm_api/layout.py"
WORDS = (
    "runs/", "attempts/", "manifest.json", "progress.json", "log.jsonl", "tombstones/",
    "evaluations/", "bars/v1", "bans/", "ledger.json",
)  # fmt: skip
MADE = {
    *("prefix", "manifest", "tombstone", "ledger", "lease", "attempt", "relative_attempt", "log"),
    *(name for name in vars(layout) if name.endswith(("_of", "_by", "_pointer", "_report"))),
}


def _keys(tree: ast.Module) -> Iterator[str]:
    """What a program writes of a key by hand: words of one, or more behind one that was made.

    A text with a blank is for people.
    """
    told = {
        id(node.value) for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }  # fmt: skip
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in told else None
        if isinstance(text, str) and " " not in text:
            yield from (word for word in WORDS if word in text)
        if isinstance(node, ast.JoinedStr):
            for made, rest in zip(node.values, node.values[1:], strict=False):
                if _is_made(made) and isinstance(rest, ast.Constant) and str(rest.value)[0] == "/":
                    yield ast.unparse(node)


def _is_made(part: ast.expr) -> bool:
    if not isinstance(part, ast.FormattedValue):
        return False
    value = part.value.func if isinstance(part.value, ast.Call) else part.value
    name = {ast.Attribute: "attr", ast.Name: "id"}.get(type(value), "")
    return getattr(value, name, "") in MADE


def test_nobody_else_makes_a_key_of_the_store() -> None:
    found = {
        str(path.relative_to(ROOT)): keys
        for folder in SOURCES
        for path in folder.rglob("*.py")
        if path != LAYOUT and (keys := list(_keys(ast.parse(path.read_text()))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("program", "by_hand"),
    [
        ("path = f'runs/{namespace}/{name}'", True),
        ("path = f'{folder}/manifest.json'", True),
        ("path = f'{layout.prefix}/{file}'", True),
        ("paths = list(f'{runs_of(namespace)}/')", True),
        ("path = layout.file(name)", False),
        ("say = f'{layout.manifest} is there'", False),
        ('"""runs/"""', False),
        ("help = 'address of a manifest.json'", False),
    ],
)
def test_a_key_made_by_hand_is_seen(program: str, *, by_hand: bool) -> None:
    assert bool(list(_keys(ast.parse(program)))) == by_hand
