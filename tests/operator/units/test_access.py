"""The policy of one run's keys: its own objects, in a form that a policy can hold."""

import json
from dataclasses import dataclass, field
from operator import attrgetter
from string import ascii_uppercase
from typing import Any

import pytest

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_api.run import RunSpec
from clm_operator.jobs.access import (
    MOST_CHARACTERS,
    Access,
    Shared,
    data_access,
    run_access,
    session_policy,
)
from clm_operator.jobs.credentials import shared_by
from tests.operator.units import builders as b

RUN = RunLayout("ns", "btc", "uid")
URL = "s3://clm"
LONGEST = RunLayout("n" * 63, "s" * 52, "0b53b0d6-2f0c-4b7e-9a53-5a2c6a1b9f6e")
BARS, HELD = "bars/v1/binance", "leases/binance"


def spec(**data: Any) -> RunSpec:
    """Return the frozen spec of a version whose schedule has these data."""
    found = b.version(data={"refresh": "Auto", **data}).spec
    assert found is not None
    return found.run


def symbols(count: int, quote: str = "USDT") -> list[str]:
    return [f"{ascii_uppercase[i // 26]}{ascii_uppercase[i % 26]}AB/{quote}" for i in range(count)]


@dataclass(frozen=True)
class Case:
    name: str
    wanted: Access
    data: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case(
        "a run that fetches writes its series, their leases and the exchange's bans",
        Access(
            writes=(
                "runs/ns/btc/uid/*",
                f"{BARS}/spot/BTC-USDT/1h/*", f"{BARS}/spot/ETH-USDT/1h/*",
                f"{HELD}/spot/BTC-USDT/1h.json", f"{HELD}/spot/ETH-USDT/1h.json",
                "bans/binance.json",
            )
        ),
    ),
    Case(
        "one on stored bars only reads them",
        Access(
            reads=(f"{BARS}/spot/BTC-USDT/1h/*", f"{BARS}/spot/ETH-USDT/1h/*"),
            writes=("runs/ns/btc/uid/*",),
        ),
        {"refresh": "Never"},
    ),
    Case(
        "one on perpetuals needs their funding too",
        Access(
            writes=(
                "runs/ns/btc/uid/*",
                f"{BARS}/usdm/BTC-USDT_USDT/1h/*", f"{BARS}/usdm/BTC-USDT_USDT/funding/*",
                f"{HELD}/usdm/BTC-USDT_USDT/1h.json", f"{HELD}/usdm/BTC-USDT_USDT/funding.json",
                "bans/binance.json",
            )
        ),
        {"market": "usdm", "symbols": ["BTC/USDT"]},
    ),
    Case(
        "own trades are another series, of an account that only the pod knows",
        Access(
            writes=(
                "runs/ns/btc/uid/*",
                f"{BARS}/spot/BTC-USDT/1h/*", f"{BARS}/spot/BTC-USDT/trades-*/*",
                f"{HELD}/spot/BTC-USDT/1h.json",
                "bans/binance.json",
            )
        ),
        {"symbols": ["BTC/USDT"], "ownTrades": True, "secretRef": {"name": "exchange-key"}},
    ),
    Case(
        "a testnet's series are its own",
        Access(
            writes=(
                "runs/ns/btc/uid/*",
                "bars/v1/binance-sandbox/spot/BTC-USDT/1h/*",
                "leases/binance-sandbox/spot/BTC-USDT/1h.json",
                "bans/binance-sandbox.json",
            )
        ),
        {"symbols": ["BTC/USDT"], "sandbox": True},
    ),
    Case(
        "columns of the market are series of the symbol that it fetches; own series it only reads",
        Access(
            reads=("series/v1/mood/*", "series/v1/chain/*"),
            writes=(
                "runs/ns/btc/uid/*",
                f"{BARS}/usdm/BTC-USDT_USDT/1h/*", f"{BARS}/usdm/BTC-USDT_USDT/funding/*",
                f"{BARS}/usdm/BTC-USDT_USDT/mark-1h/*", f"{BARS}/usdm/BTC-USDT_USDT/flow-1h/*",
                f"{HELD}/usdm/BTC-USDT_USDT/1h.json", f"{HELD}/usdm/BTC-USDT_USDT/funding.json",
                f"{HELD}/usdm/BTC-USDT_USDT/mark-1h.json",
                f"{HELD}/usdm/BTC-USDT_USDT/flow-1h.json",
                "bans/binance.json",
            ),
        ),
        {
            "market": "usdm",
            "symbols": ["BTC/USDT"],
            "columns": ["fundingRate", "markPrice", "takerBuyVolume", "tradeCount"],
            "series": [{"name": n, "columns": ["x"]} for n in ("mood", "chain")],
        },
    ),
    Case(
        "with stored data only it reads columns and own series as it reads bars",
        Access(
            reads=(
                f"{BARS}/spot/BTC-USDT/1h/*", f"{BARS}/spot/BTC-USDT/flow-1h/*",
                "series/v1/mood/*",
            ),
            writes=("runs/ns/btc/uid/*",),
        ),
        {
            "refresh": "Never",
            "symbols": ["BTC/USDT"],
            "columns": ["tradeCount"],
            "series": [{"name": "mood", "columns": ["x"]}],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_run_reaches_its_own_objects_and_no_others(case: Case) -> None:
    assert run_access(RUN, spec(**case.data))[0] == case.wanted


def test_a_namespace_of_its_own_keeps_all_that_is_shared_in_its_folder() -> None:
    apart = Shared("namespaces/ns")
    for alone, shared in zip(
        run_access(RUN, spec(), shared=apart), run_access(RUN, spec()), strict=True
    ):
        own, *rest = alone.writes
        assert own == "runs/ns/btc/uid/*"
        assert rest == [f"namespaces/ns/{path}" for path in shared.writes[1:]]


@pytest.mark.parametrize(
    ("widest", "count"), [("Series", 16), ("Symbol", 34)], ids=["series", "symbols"]
)
def test_a_run_that_needs_wider_keys_than_are_allowed_gets_none(widest: str, count: int) -> None:
    run = RunLayout("trading", "btc-eth", LONGEST.uid)
    limited = shared_by(
        b.settings(store={"url": "s3://models", "secretName": "store", "widestKeys": widest}).store,
        "ns",
    )
    few, many = (
        run_access(run, spec(symbols=symbols(n)), shared=limited) for n in (count - 1, count)
    )
    assert session_policy(URL, few)
    with pytest.raises(ClmError, match=r"objectStore\.widestKeys") as refused:
        session_policy(URL, many)
    assert refused.value.reason == "StorageDenied"


CHAMPION = RunLayout("ns", "btc", "champion")
COMPARED = tuple(
    f"runs/ns/btc/champion/{name}"
    for name in ("manifest.json", "attempts/*/metrics.json", "attempts/*/equity.parquet")
)


def test_of_the_run_in_production_only_what_is_compared_may_be_read() -> None:
    with_champion, without = run_access(RUN, spec(), CHAMPION)[:2]
    assert with_champion == without | Access(reads=COMPARED)
    assert without == run_access(RUN, spec())[0]


def test_a_policy_that_has_no_room_for_the_comparison_goes_without() -> None:
    narrow = spec(symbols=symbols(14))
    assert session_policy(
        URL, run_access(RUN, narrow, RunLayout("ns", "btc", "n" * 60))
    ) == session_policy(URL, run_access(RUN, narrow))


def test_every_form_reaches_all_that_the_narrow_one_does() -> None:
    own = {"ownTrades": True, "secretRef": {"name": "exchange-key"}}
    forms = data_access(spec(market="usdm", symbols=symbols(4), **own))
    needed = forms[0].writes
    for form in forms:
        assert not [path for path in needed if not any(_covers(w, path) for w in form.writes)]
    assert len(forms[2].writes) < len(forms[1].writes) < len(needed)


def _covers(pattern: str, path: str) -> bool:
    """Match as a store does: ``*`` stands for anything, slashes too."""
    parts = pattern.split("*")
    for number, part in enumerate(parts):
        at = path.find(part)
        if at < 0 or (number == 0 and at > 0):
            return False
        path = path[at + len(part) :]
    return not path or not parts[-1]


@pytest.mark.parametrize(
    ("by_series", "by_symbol", "data"),
    [
        (15, 33, {}),
        (32, 33, {"refresh": "Never"}),
        (7, 30, {"market": "usdm"}),
        (14, 30, {"market": "usdm", "refresh": "Never"}),
    ],
    ids=["spot", "stored spot", "perpetuals", "stored perpetuals"],
)
def test_the_narrowest_form_that_a_policy_holds_is_taken(
    by_series: int, by_symbol: int, data: dict[str, Any]
) -> None:
    run = RunLayout("trading", "btc-eth", LONGEST.uid)
    for count, form in ((by_series, 0), (by_series + 1, 1), (by_symbol + 1, 2), (50, 2)):
        forms = run_access(run, spec(symbols=symbols(count), **data))
        policy = session_policy(URL, forms)
        assert len(policy) <= MOST_CHARACTERS
        assert session_policy(URL, forms[form:]) == policy, f"{count} symbols"
        for narrower in forms[:form]:
            with pytest.raises(ClmError):
                session_policy(URL, [narrower])


def test_even_the_longest_names_and_all_symbols_fit() -> None:
    own = {"ownTrades": True, "secretRef": {"name": "exchange-key"}}
    wide = spec(exchange="x" * 32, sandbox=True, market="usdm", symbols=symbols(50), **own)
    policy = session_policy(f"s3://{'b' * 63}/{'p' * 63}", run_access(LONGEST, wide))
    assert len(policy) <= MOST_CHARACTERS


def test_a_prefix_that_leaves_no_room_says_what_to_shorten() -> None:
    with pytest.raises(ClmError, match=r"shorten objectStore\.prefix") as refused:
        session_policy(f"s3://clm/{'p' * 900}", run_access(RUN, spec()))
    assert refused.value.reason == "StorageDenied"


def test_a_policy_allows_get_and_put_and_forbids_accounts_of_its_own() -> None:
    access = Access(reads=("runs/ns/btc/*",), writes=("evaluations/ns/btc/*",))
    assert json.loads(session_policy("s3://clm/some/prefix/", [access])) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
             "Resource": ["arn:aws:s3:::clm/some/prefix/evaluations/ns/btc/*"]},
            {"Effect": "Allow", "Action": ["s3:GetObject"],
             "Resource": ["arn:aws:s3:::clm/some/prefix/runs/ns/btc/*"]},
            {"Effect": "Deny", "Action": ["admin:*"]},
        ],
    }  # fmt: skip
