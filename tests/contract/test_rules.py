"""Every rule of the definitions, on the same objects by both roads: Python and the API server."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from clm_api.crdgen import crds
from clm_api.families import Family
from clm_cli import manifests
from tests.cli.objects import sample
from tests.support.control_plane import ControlPlane
from tests.support.schedules import schedule, schedule_spec

Raw = dict[str, Any]
PLURALS = {
    "TrainingSchedule": "trainingschedules",
    "ModelVersion": "modelversions",
    "Simulation": "simulations",
}


@dataclass(frozen=True)
class Case:
    """An object that breaks one rule, or keeps it although it comes near.

    Parameters
    ----------
    rule
        Words of its message.
    changes
        What a valid schedule has otherwise, its model as a whole; of a version, its run's model;
        of a simulation, fields of its spec, None for those that go.
    """

    name: str
    rule: str
    holds: bool
    changes: Raw = field(default_factory=dict)
    called: str = "ruled"
    of_version: bool = False
    of_simulation: bool = False

    @property
    def raw(self) -> Raw:
        if self.of_simulation:
            return self._simulation
        if not self.of_version:
            return schedule(self.called, "default", **self.changes)
        raw = sample("modelversion-full")
        raw["metadata"]["namespace"] = "default"
        raw["spec"]["run"]["model"] = {"seed": 7, **self.changes}
        return raw

    @property
    def _simulation(self) -> Raw:
        raw = sample("simulation-full")
        raw["metadata"] = {"name": self.called, "namespace": "default"}
        changed = raw["spec"] | self.changes
        raw["spec"] = {name: value for name, value in changed.items() if value is not None}
        return raw


def broken(name: str, rule: str, changes: Raw, **more: Any) -> Case:
    return Case(name, rule, holds=False, changes=changes, **more)


def kept(name: str, rule: str, changes: Raw, **more: Any) -> Case:
    return Case(name, rule, holds=True, changes=changes, **more)


def data(**changes: Any) -> Raw:
    return {"data": changes}


def perpetuals(*symbols: str) -> Raw:
    return data(market="usdm", symbols=list(symbols))


def drift(**changes: Any) -> Raw:
    return {"monitoring": {"drift": changes}}


def patchtst(**changes: Any) -> Raw:
    return {"model": {"family": "patchtst", "patchtst": changes}}


def chosen(family: Family) -> Raw:
    """The least that a schedule must say of a family."""
    needed = {to_camel(family.field): family.row.sample} if family.row.needs_parameters else {}
    return {"family": family, **needed}


def blend(*families: str) -> Raw:
    members = [{"family": family} for family in families]
    return {"model": {"family": "blend", "blend": {"members": members}}}


def own_features(family: str) -> Raw:
    return {"model": {"family": family, "features": {"set": "mine.momentum"}}}


def series(name: str) -> Raw:
    return {"name": name, "columns": ["value"]}


SIGN = {"target": {"kind": "sign"}}
WEIGHED = {"target": {"uniquenessWeights": True}}
COLUMNS, SERIES = "are columns of perpetuals", "series names one twice"
TELLING, TESTNET = "read from binance alone", "tells no history of open interest"
WEIGHTS = "spec.target.uniquenessWeights weighs labels"
TARGET, FEATURES = "spec.target.kind must be return", "spec.model.features.set must be standard"
EITHER, ZONE = "spec.schedule and spec.interval", "a zone inside the schedule"
HISTORY, ENTRY = "spec.data.lookbackDays must be at least", "must be above exitPercentile"
SHORT, SLIPPAGE = "needs spec.data.market usdm", "FromOwnTrades needs spec.data.ownTrades"
SPOT, SETTLED = "and spot has none", "settles in its quote currency"
SAME, KEY, NAMED = (
    "name the same perpetual",
    "set secretRef to a Secret",
    "metadata.name must match",
)
WINDOWS = "drift.windows must not be above"
HEADS, PATCH = "hiddenSize is no multiple of heads", "patchBars is more than inputBars"
FAMILIES = [(family, to_camel(family.field)) for family in Family]
SHORTS = {"positions": "longFlatShort"}
CRON = {"interval": None, "schedule": "0 */6 * * *"}
ONE_SCHEDULE = "exactly one of spec.schedule and spec.scheduleName"
SIMULATIONS: list[tuple[str, str, bool, Raw, str]] = [
    ("a simulation of a schedule by its name", ONE_SCHEDULE, True, {}, "sim"),
    ("a simulation of a schedule of its own", ONE_SCHEDULE, True,
     {"scheduleName": None, "schedule": schedule_spec()}, "sim"),
    ("a simulation of no schedule", ONE_SCHEDULE, False, {"scheduleName": None}, "sim"),
    ("a simulation of two schedules", ONE_SCHEDULE, False, {"schedule": schedule_spec()}, "sim"),
    ("a simulation of a minute", "spec.from must be before", True,
     {"from": "2025-01-01T00:00:00Z", "to": "2025-01-01T00:01:00Z"}, "sim"),
    ("a simulation of no time", "spec.from must be before", False,
     {"from": "2025-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}, "sim"),
    ("a simulation that begins in 1970", "spec.from must not be", True,
     {"from": "1970-01-01T00:00:00Z"}, "sim"),
    ("a simulation that begins before", "spec.from must not be", False,
     {"from": "1969-12-31T23:59:59Z"}, "sim"),
    ("a simulation of the year one", "spec.from must not be", False,
     {"from": "0001-01-01T00:00:00Z"}, "sim"),
    ("as many pods as variants", "spec.parallelism must be", True, {"parallelism": 3}, "sim"),
    ("fewer pods than variants", "spec.parallelism must be", False, {"parallelism": 2}, "sim"),
    ("one pod and no variant", "spec.parallelism must be", True,
     {"parallelism": 1, "variants": None}, "sim"),
    ("a simulation whose name has 52 characters", "metadata.name of a Simulation", True, {},
     "a" * 52),
    ("a simulation whose name has a dot", "metadata.name of a Simulation", False, {}, "a.b"),
]  # fmt: skip
CASES = [
    broken("neither schedule nor interval", EITHER, {"interval": None}),
    broken("both schedule and interval", EITHER, {"schedule": "0 */6 * * *"}),
    kept("a schedule alone", EITHER, CRON),
    broken("a zone inside the schedule", ZONE, CRON | {"schedule": "TZ=UTC 0 * * * *"}),
    broken("a zone of cron's own name", ZONE, CRON | {"schedule": "CRON_TZ=UTC 0 * * * *"}),
    kept("a zone beside the schedule", ZONE, CRON | {"timeZone": "Europe/Berlin"}),
    broken("a day too little to train on", HISTORY, data(lookbackDays=209)),
    kept("just enough to train on", HISTORY, data(lookbackDays=210)),
    broken("an entry below the exit", ENTRY,
           {"target": {"entryPercentile": 0.5, "exitPercentile": 0.6}}),
    broken("an entry at the exit", ENTRY,
           {"target": {"entryPercentile": 0.6, "exitPercentile": 0.6}}),
    broken("an exit at the usual entry", ENTRY, {"target": {"exitPercentile": 0.75}}),
    broken("an exit at the usual entry of a null", ENTRY,
           {"target": {"exitPercentile": 0.8, "entryPercentile": None}}),
    broken("an exit at the usual entry with shorts", ENTRY,
           data(market="usdm") | {"target": SHORTS | {"exitPercentile": 0.85}}),
    kept("an exit below the usual entry with shorts", ENTRY,
         data(market="usdm") | {"target": SHORTS | {"exitPercentile": 0.84}}),
    kept("an exit below the usual entry of a null with shorts", ENTRY,
         data(market="usdm")
         | {"target": SHORTS | {"exitPercentile": 0.8, "entryPercentile": None}}),
    broken("more windows than are looked at", WINDOWS, drift(windows=5)),
    broken("fewer are looked at than must differ", WINDOWS, drift(of=2)),
    kept("all windows must differ", WINDOWS, drift(windows=4)),
    broken("short on spot", SHORT, {"target": SHORTS}),
    kept("short where perpetuals are", SHORT, data(market="usdm") | {"target": SHORTS}),
    broken("measured slippage without own trades", SLIPPAGE,
           {"costs": {"slippage": "FromOwnTrades"}}),
    kept("measured slippage with own trades", SLIPPAGE,
         data(ownTrades=True, secretRef={"name": "key"})
         | {"costs": {"slippage": "FromOwnTrades"}}),
    broken("a perpetual on spot", SPOT, data(symbols=["ETH/USDT", "BTC/USDT:USDT"])),
    kept("a perpetual where perpetuals are", SPOT, perpetuals("ETH/USDT", "BTC/USDT:USDT")),
    broken("an inverse perpetual", SETTLED, perpetuals("ETH/USDT", "BTC/USD:BTC")),
    broken("a perpetual that settles in more than its quote", SETTLED, perpetuals("A/USD:XUSD")),
    kept("a linear perpetual of a foreign name", SETTLED, perpetuals("币安人生/USDT:USDT")),
    broken("one perpetual under both its names", SAME,
           perpetuals("BTC/USDT:USDT", "ETH/USDT", "BTC/USDT")),
    broken("one foreign perpetual under both its names", SAME,
           perpetuals("币安人生/USDT:USDT", "币安人生/USDT")),
    kept("two perpetuals of one coin", SAME, perpetuals("BTC/USDT:USDT", "BTC/USDC")),
    broken("own trades without a key", KEY, data(ownTrades=True)),
    broken("own trades with a key of null", KEY, data(ownTrades=True, secretRef=None)),
    kept("own trades with a key", KEY, data(ownTrades=True, secretRef={"name": "key"})),
    broken("a column of perpetuals on spot", COLUMNS, data(columns=["tradeCount", "markPrice"])),
    kept("a column of perpetuals where they are", COLUMNS,
         data(market="usdm", columns=["markPrice"])),
    kept("a column that spot has", COLUMNS, data(columns=["tradeCount"])),
    broken("a column that an exchange does not tell", TELLING,
           data(exchange="kraken", columns=["tradeCount"])),
    kept("the funding of an exchange that tells nothing else", TELLING,
         data(exchange="bybit", market="usdm", columns=["fundingRate"])),
    broken("the open interest of a testnet", TESTNET,
           data(market="usdm", sandbox=True, columns=["openInterest"])),
    kept("the mark price of a testnet", TESTNET,
         data(market="usdm", sandbox=True, columns=["markPrice"])),
    broken("a series in two entries", SERIES, data(series=[series("macro"), series("macro")])),
    kept("two series", SERIES, data(series=[series("macro"), series("chain")])),
    broken("a target for a family of paths", TARGET, patchtst() | SIGN),
    broken("a target for a policy", TARGET, {"model": {"family": "rl-v2"}} | SIGN),
    broken("a target for a blend with a family of paths", TARGET, blend("xgboost", "nhits") | SIGN),
    kept("a target for a blend of families that learn it", TARGET,
         blend("xgboost", "lightgbm") | SIGN),
    kept("returns for a blend with a family of paths", TARGET, blend("xgboost", "nhits")),
    broken("weights for a family of paths", WEIGHTS, {"model": {"family": "nhits"}} | WEIGHED),
    broken("weights for a blend with a policy", WEIGHTS, blend("xgboost", "rl-v2") | WEIGHED),
    kept("weights for families that learn labels", WEIGHTS, blend("xgboost", "lightgbm") | WEIGHED),
    broken("own features for a family of closes", FEATURES, own_features("nhits")),
    kept("own features for a policy", FEATURES, own_features("rl-v3")),
    broken("a blend in a blend", "a blend holds no blend",
           {"model": {"family": "blend", "blend": {"members": [
               {"family": "xgboost"}, {"family": "blend"}]}}}),
    kept("a blend of one family twice", "a blend holds no blend", blend("xgboost", "xgboost")),
    broken("a blend without members", "family blend needs blend", {"model": {"family": "blend"}}),
    kept("a blend with members", "family blend needs blend", blend("xgboost", "nhits")),
    broken("an own model without a name", "family custom needs custom",
           {"model": {"family": "custom"}}),
    kept("an own model with a name", "family custom needs custom",
         {"model": {"family": "custom", "custom": {"name": "mine.linear"}}}),
    broken("heads that don't share out the width", HEADS, patchtst(hiddenSize=16, heads=5)),
    broken("two rules at once", f"{HEADS}|{PATCH}", patchtst(heads=5, inputBars=32, patchBars=33)),
    kept("heads that share out the width", HEADS, patchtst(hiddenSize=15, heads=5)),
    broken("a patch longer than the input", PATCH, patchtst(inputBars=32, patchBars=33)),
    kept("a patch as long as the input", PATCH, patchtst(inputBars=32, patchBars=32)),
    broken("heads of a version that don't share out the width", HEADS,
           patchtst(heads=5)["model"], of_version=True),
    broken("a name that starts with a digit", NAMED, {}, called="1st"),
    broken("a name of 53 characters", NAMED, {}, called="a" * 53),
    broken("a name with a dot", NAMED, {}, called="a.b"),
    kept("a name of 52 characters", NAMED, {}, called="a" * 52),
    *(Case(name, rule, holds, changes, called, of_simulation=True)
      for name, rule, holds, changes, called in SIMULATIONS),
    *(broken(f"parameters of {family} for another family", f"{field} holds parameters of family",
             {"model": chosen(other) | {field: family.row.sample}})
      for (family, field), (other, _) in zip(FAMILIES, FAMILIES[1:] + FAMILIES[:1], strict=True)),
    *(kept(f"parameters of {family} for it", f"{field} holds parameters of family",
           {"model": {"family": family, field: family.row.sample}})
      for family, field in FAMILIES),
]  # fmt: skip


def _written(node: Any) -> Iterator[tuple[str, str]]:
    """Yield rule and message of all rules below a node of a definition."""
    if isinstance(node, dict):
        for rule in node.get("x-kubernetes-validations", ()):
            yield rule["rule"], rule["message"]
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from _written(child)


MESSAGES = {
    message
    for cel, message in _written(list(crds().values()))
    if "oldSelf" not in cel and not re.fullmatch(r"self >= [0-9.e-]+", cel)
}
"""Of all rules of one object. A field's own minimum, said again, is no rule of ours."""


def told(text: str) -> set[str]:
    return {message for message in MESSAGES if message in text}


def expected(case: Case) -> set[str]:
    return set() if case.holds else {m for m in MESSAGES if re.search(case.rule, m)}


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_python_and_the_api_server_read_a_rule_alike(defined: ControlPlane, case: Case) -> None:
    kind = case.raw["kind"]
    path = f"/apis/clm.dev/v1alpha1/namespaces/default/{PLURALS[kind]}?dryRun=All"
    try:
        defined.request("POST", path, case.raw)
        answer = ""
    except AssertionError as refusal:
        answer = str(refusal)
    faults = manifests.check(1, case.raw).faults
    assert told(answer) == told("\n".join(faults)) == expected(case), (answer, faults)
    assert bool(answer) == bool(faults) == (not case.holds), (answer, faults)


def test_every_rule_is_kept_by_one_object_and_broken_by_another() -> None:
    for holds in (True, False):
        seen = {m for c in CASES if c.holds is holds for m in MESSAGES if re.search(c.rule, m)}
        assert seen == MESSAGES, holds
