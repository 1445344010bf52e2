"""The contract's pure parts: slots, verdicts, resolution, paths, generated files, layers."""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import Field, ValidationError

from clm_api import crdgen
from clm_api.base import Model
from clm_api.conditions import condition, set_conditions
from clm_api.errors import ClmError, SpecError
from clm_api.families import Family
from clm_api.layout import RunLayout, SeriesLayout
from clm_api.parameters.boosting import XgboostParameters
from clm_api.promotion import Criteria, Significance, judge
from clm_api.reasons import EXIT_CODES, Reason
from clm_api.resolve import deep_merge, model_name, resolve
from clm_api.run import RunTrials
from clm_api.schedule import CronSchedule, parse_schedule, schedule_hash
from clm_api.training_schedule import TrainingScheduleSpec
from tests.support.repository import ROOT
from tests.support.schedules import schedule_spec

POD = {"image": "t:1", "gpu": {"count": 0}, "resources": {"limits": {"memory": "4Gi"}}}


def spec(**overrides: Any) -> TrainingScheduleSpec:
    """Build a spec."""
    return TrainingScheduleSpec.model_validate(schedule_spec(**overrides))


def cron(text: str, zone: str = "Etc/UTC") -> TrainingScheduleSpec:
    """Build a spec with a cron expression."""
    return spec(interval=None, schedule=text, timeZone=zone)


@dataclass(frozen=True)
class Slots:
    name: str
    spec: TrainingScheduleSpec
    after: str
    expected: list[str]


SLOTS = [
    Slots("every six hours by cron", cron("0 */6 * * *"), "2026-01-05T05:00",
          ["2026-01-05T06:00", "2026-01-05T12:00"]),
    Slots("a day that has no 02:30 runs once, at the next instant",
          cron("30 2 * * *", "Europe/Berlin"), "2026-03-28T12:00",
          ["2026-03-29T01:00", "2026-03-30T00:30"]),
    Slots("a day that has 02:30 twice runs once", cron("30 2 * * *", "Europe/Berlin"),
          "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
    Slots("an interval from its anchor", spec(interval="6h"), "2026-01-05T00:00",
          ["2026-01-05T06:00", "2026-01-05T12:00"]),
]  # fmt: skip


@pytest.mark.parametrize("case", SLOTS, ids=attrgetter("name"))
def test_when_slots_fall(case: Slots) -> None:
    schedule = parse_schedule(case.spec)
    anchor = datetime(2026, 1, 5, tzinfo=UTC)
    now = datetime.fromisoformat(case.after).replace(tzinfo=UTC)
    found = []
    for _ in case.expected:
        slot = schedule.after(now, anchor)
        assert slot is not None
        found.append(slot.strftime("%Y-%m-%dT%H:%M"))
        assert schedule.until(slot, anchor) == slot
        now = slot
    assert found == case.expected


@pytest.mark.parametrize(
    ("bad", "field_"),
    [
        (cron("0 0 30 2 *"), "spec.schedule"),
        (cron("* * * * *"), "spec.schedule"),
        (cron("a b c d e"), "spec.schedule"),
        (spec(interval="10m"), "spec.interval"),
        (cron("0 * * * *", "Nowhere/Else"), "spec.timeZone"),
        (cron("0 * * * *", "../etc/passwd"), "spec.timeZone"),
    ],
    ids=["never", "every minute", "letters", "ten minutes", "unknown zone", "a path as zone"],
)
def test_a_schedule_that_cannot_work_names_its_field(
    bad: TrainingScheduleSpec, field_: str
) -> None:
    with pytest.raises(SpecError) as error:
        parse_schedule(bad)
    assert error.value.field == field_
    assert error.value.exit_code == 64


@pytest.mark.parametrize(
    "zone",
    ["Etc/UTC", "UTC", "GMT", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata",
     "Asia/Calcutta", "Etc/GMT+5", "EST5EDT", "US/Eastern", "Pacific/Chatham"],
)  # fmt: skip
def test_a_name_of_the_iana_database_is_a_zone(zone: str) -> None:
    schedule = parse_schedule(cron("0 12 * * *", zone))
    assert isinstance(schedule, CronSchedule)
    assert schedule.zone == ZoneInfo(zone)


@pytest.mark.parametrize(
    ("zone", "near"),
    [
        ("localtime", None), ("posixrules", None), ("Factory", None), ("Local", None),
        ("posix/Europe/Berlin", None), ("right/UTC", None),
        ("europe/berlin", "Europe/Berlin"), ("ETC/UTC", "Etc/UTC"),
        ("Europe/Berlin ", "Europe/Berlin"), ("Europe", None), ("Europe/", None),
        ("/usr/share/zoneinfo/UTC", None),
        ("Europe/../UTC", None), ("zone.tab", None), ("tzdata.zi", None), ("CEST", None),
        ("UTC+2", None), ("+02:00", None), ("EST5EDT,M3.2.0,M11.1.0", None), ("\0", None),
    ],
)  # fmt: skip
def test_what_only_some_machines_know_is_no_zone(zone: str, near: str | None) -> None:
    with pytest.raises(SpecError) as error:
        parse_schedule(cron("0 12 * * *", zone))
    assert error.value.field == "spec.timeZone"
    assert f'"{zone}" is not an IANA time zone' in error.value.message
    assert near is None or f'but "{near}" is' in error.value.message


def test_an_edit_of_the_schedule_is_noticed_and_one_of_the_model_is_not() -> None:
    assert schedule_hash(spec()) == schedule_hash(spec(model={"seed": 8}))
    assert schedule_hash(spec()) != schedule_hash(spec(interval="12h"))
    assert schedule_hash(spec()) != schedule_hash(spec(suspend=True))


@dataclass(frozen=True)
class Judged:
    name: str
    stage: str
    reason: Reason
    metrics: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    gates: dict[str, float] = field(default_factory=dict)


GOOD = {"sharpe": 1.0, "winRate": 0.52, "profitFactor": 1.3, "maxDrawdown": 0.15, "trades": 50.0}
JUDGED = [
    Judged("exactly at every threshold passes", "CANDIDATE", Reason.CRITERIA_PASSED),
    Judged("a Sharpe ratio that only rounds to the threshold fails", "REJECTED",
           Reason.CRITERIA_FAILED, {"sharpe": 0.99999999}),
    Judged("49 trades are too few", "REJECTED", Reason.TOO_FEW_TRADES, {"trades": 49.0}),
    Judged("no trades", "REJECTED", Reason.NO_TRADES, {"trades": 0.0}),
    Judged("no losses pass with enough trades", "CANDIDATE", Reason.CRITERIA_PASSED,
           undefined={"profitFactor": "NoLosses"}, drop=("profitFactor",)),
    Judged("no losses fail with too few trades", "REJECTED", Reason.CRITERIA_FAILED,
           {"trades": 3.0}, {"profitFactor": "NoLosses"}, ("profitFactor",)),
    Judged("an undefined Sharpe ratio fails", "REJECTED", Reason.CRITERIA_FAILED,
           undefined={"sharpe": "NoVariance"}, drop=("sharpe",)),
    Judged("a gate that is met passes", "CANDIDATE", Reason.CRITERIA_PASSED, {"psr": 0.95},
           gates={"min_psr": 0.95}),
    Judged("a gate that is missed rejects what meets all criteria", "REJECTED",
           Reason.CRITERIA_FAILED, {"psr": 0.94999999}, gates={"min_psr": 0.95}),
    Judged("each gate looks at its own metric", "REJECTED", Reason.CRITERIA_FAILED,
           {"psr": 0.99, "deflatedSharpe": 0.5}, gates={"min_deflated_sharpe": 0.95}),
    Judged("a gate on an undefined metric rejects", "REJECTED", Reason.CRITERIA_FAILED,
           undefined={"psr": "NoVariance"}, gates={"min_psr": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize("case", JUDGED, ids=attrgetter("name"))
def test_how_a_version_is_judged(case: Judged) -> None:
    metrics = {k: v for k, v in (GOOD | case.metrics).items() if k not in case.drop}
    gates = Significance.model_validate(case.gates)
    verdict = judge(metrics, case.undefined, Criteria(), gates)
    assert (verdict.stage, verdict.reason) == (case.stage, case.reason)
    assert len(verdict.verdicts) == 5 + len(case.gates)


def test_every_null_is_filled_and_the_range_is_frozen() -> None:
    run = resolve(
        spec(), slot=datetime(2026, 1, 5, 12, 34, tzinfo=UTC), trials=RunTrials(), pod_defaults=POD
    )
    assert run.evaluation.folds == Family.XGBOOST.row.folds
    assert run.evaluation.purge_bars == 25
    assert run.costs.fee_bps == 10
    assert run.data.to == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert run.data.to - run.data.from_ == timedelta(days=240)
    assert run.model.parameters_as(XgboostParameters).rounds == 10
    assert model_name(spec()) == "xgboost_multi_1h"


@dataclass(frozen=True)
class Resolved:
    name: str
    overrides: dict[str, Any]
    fee: float
    entry: float
    symbols: list[str] = field(default_factory=lambda: ["BTC/USDT", "ETH/USDT"])
    charged: bool = True


SHORT = {"positions": "longFlatShort"}
PERPETUALS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
RESOLVED = [
    Resolved("spot", {}, 10, 0.75, charged=False),
    Resolved("perpetuals", {"data": {"market": "usdm"}}, 5, 0.75, PERPETUALS),
    Resolved("perpetuals in full", {"data": {"market": "usdm", "symbols": PERPETUALS}}, 5, 0.75,
             PERPETUALS),
    Resolved("both spellings, in their order",
             {"data": {"market": "usdm", "symbols": ["ETH/USDC", "BTC/USDT:USDT"]}}, 5, 0.75,
             ["ETH/USDC:USDC", "BTC/USDT:USDT"]),
    Resolved("long and short", {"data": {"market": "usdm"}, "target": SHORT}, 5, 0.85, PERPETUALS),
    Resolved("a fee and an entry of one's own",
             {"data": {"market": "usdm"}, "target": SHORT | {"entryPercentile": 0.6},
              "costs": {"feeBps": 0.0}}, 0, 0.6, PERPETUALS),
    Resolved("no funding", {"data": {"market": "usdm"}, "costs": {"funding": "None"}}, 5, 0.75,
             PERPETUALS, charged=False),
]  # fmt: skip


@pytest.mark.parametrize("case", RESOLVED, ids=attrgetter("name"))
def test_what_the_market_decides(case: Resolved) -> None:
    run = resolve(
        spec(**case.overrides),
        slot=datetime(2026, 1, 5, 12, tzinfo=UTC), trials=RunTrials(), pod_defaults=POD,
    )  # fmt: skip
    assert run.costs.fee_bps == case.fee
    assert run.target.entry_percentile == case.entry
    assert run.data.symbols == case.symbols
    assert run.charges_funding == case.charged
    named = model_name(spec(data={"market": run.data.market, "symbols": run.data.symbols[:1]}))
    assert named == f"xgboost_{case.symbols[0].split(':')[0].replace('/', '').lower()}_1h"


def test_a_merge_keeps_neighbours_and_replaces_lists() -> None:
    base = {"a": {"x": 1, "y": 2}, "l": [1, 2]}
    assert deep_merge(base, {"a": {"y": 3}, "l": [9]}) == {"a": {"x": 1, "y": 3}, "l": [9]}
    assert base == {"a": {"x": 1, "y": 2}, "l": [1, 2]}


def test_a_path_cannot_leave_its_folder() -> None:
    bars = SeriesLayout("binance", "spot", "BTC/USDT", "1h")
    assert bars.month("2026-01") == "bars/v1/binance/spot/BTC-USDT/1h/2026-01.parquet"
    funding = SeriesLayout("binance-sandbox", "usdm", "BTC/USDT:USDT", "funding")
    assert funding.ledger == "bars/v1/binance-sandbox/usdm/BTC-USDT_USDT/funding/ledger.json"
    assert funding.lease == "leases/binance-sandbox/usdm/BTC-USDT_USDT/funding.json"
    with pytest.raises(ValueError, match="can't be part"):
        _ = bars.month("../2026-01")
    with pytest.raises(ValueError, match="can't be part"):
        _ = RunLayout("ns", "..", "uid").prefix


def test_a_condition_keeps_its_transition_time_until_it_flips() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    def ready(*, holds: bool, now: datetime) -> Any:
        return condition("Ready", holds=holds, reason="R", message="", now=now)

    (kept,) = set_conditions([ready(holds=True, now=early)], [ready(holds=True, now=late)])
    (flipped,) = set_conditions([kept], [ready(holds=False, now=late)])
    assert (kept.last_transition_time, flipped.last_transition_time) == (early, late)


def test_every_reason_is_documented_once_and_every_error_has_its_code() -> None:
    text = (ROOT / "crds" / "src" / "clm_api" / "reasons.py").read_text()
    for reason in Reason:
        assert f'= "{reason.value}"\n    """' in text, f"{reason} has no documentation"
    assert ClmError(Reason.DATA_GAP, "").exit_code == 65
    assert all(64 <= code <= 75 for code in EXIT_CODES.values())
    guide = (ROOT / "docs" / "runs.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in guide] == []


def test_nan_is_refused_everywhere() -> None:
    with pytest.raises(ValidationError):
        Criteria(min_sharpe=float("nan"))


def test_the_definitions_are_fresh() -> None:
    folders = [str(ROOT / "crds"), str(ROOT / "charts" / "clm" / "templates")]
    assert crdgen.main(["--check", *folders]) == 0


def test_a_stale_definition_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crdgen.main(["--check", str(tmp_path), str(tmp_path)]) == 1
    assert "make generate" in capsys.readouterr().out


class _Union(Model):
    field: int | str = 1
    """A union."""


class _OpenBound(Model):
    field: Annotated[int, Field(gt=0)] = 1
    """An open bound."""


class _Silent(Model):
    field: int = 1


@pytest.mark.parametrize("model", [_Union, _OpenBound, _Silent], ids=attrgetter("__name__"))
def test_what_a_structural_schema_cannot_say_is_refused(model: type[Model]) -> None:
    with pytest.raises(crdgen.StructuralSchemaError):
        crdgen.structural(model)


def test_the_operator_folder_never_becomes_a_package() -> None:
    for folder in ("operator", "trainer-image"):
        assert not (ROOT / folder / "__init__.py").exists()
    assert (ROOT / "tests" / "operator" / "__init__.py").exists()
    code = "import sys, operator, collections; assert 'site-packages' not in operator.__file__; "
    code += f"assert not any(p.rstrip('/').endswith('{ROOT}/operator') for p in sys.path)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
