from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel
from typer.testing import CliRunner

import clm_cli.validate
from clm_api.families import Family, FamilyParameters
from clm_cli import manifests, schemas
from tests.cli.app import app
from tests.cli.objects import ROOT, SAMPLES, sample
from tests.support.schedules import schedule

RUNNER = CliRunner()
SHIPPED = sorted([*SAMPLES.glob("*.yaml"), *(ROOT / "examples").glob("*.yaml")])


def faults(path: str, value: Any, kind: str = "trainingschedule-full") -> tuple[str, ...]:
    """Return what is wrong with a sample after one field was changed; ``...`` removes it."""
    raw = deepcopy(sample(kind))
    node: Any = raw
    *parents, last = path.split(".")
    for part in parents:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return manifests.check(1, raw).faults


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_what_is_shipped_is_valid(path: Path) -> None:
    result = RUNNER.invoke(app, ["validate", "-f", str(path)])
    assert result.exit_code == 0, result.stdout


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("heads", 5, "hiddenSize is no multiple"), ("patchBars", 200, "patchBars is more than")],
    ids=["heads that don't share out the width", "a patch longer than the input"],
)
def test_a_transformers_sizes_must_fit(field: str, value: int, message: str) -> None:
    (fault,) = faults(f"spec.model.patchtst.{field}", value, "trainingschedule-patchtst")
    assert fault.startswith(f"spec.model.patchtst: {message}")


def test_the_full_samples_name_every_field() -> None:
    simulation = schemas.schema_of("Simulation")["properties"]["spec"]
    assert _missing(simulation, sample("simulation-full")["spec"], "spec") == {"spec.schedule"}
    for kind, name in (
        ("TrainingSchedule", "trainingschedule-full"),
        ("ModelVersion", "modelversion-full"),
    ):
        spec = schemas.schema_of(kind)["properties"]["spec"]
        either = {"spec.interval"} if kind == "TrainingSchedule" else set()
        place = "spec" if kind == "TrainingSchedule" else "spec.run"
        either |= {f"{place}.model.{to_camel(f.field)}" for f in Family if f != "xgboost"}
        assert _missing(spec, sample(name)["spec"], "spec") == either


@pytest.mark.parametrize("family", Family, ids=str)
def test_each_family_has_a_sample_that_names_every_parameter(family: Family) -> None:
    model = sample(f"trainingschedule-{family}")["spec"]["model"]
    field = to_camel(family.field)
    assert FamilyParameters.model_validate(model) == FamilyParameters.model_validate(
        {"family": family, field: family.row.sample}
    )
    schema = schemas.schema_of("TrainingSchedule")["properties"]["spec"]["properties"]["model"]
    if not family.row.needs_parameters:
        assert _missing(schema["properties"][field], model[field], field) == set()


def _missing(schema: dict[str, Any], value: Any, path: str) -> set[str]:
    if isinstance(value, list):
        return set().union(*(_missing(schema.get("items", {}), v, f"{path}[]") for v in value))
    gone = set()
    for name, child in schema.get("properties", {}).items():
        if name not in value:
            gone.add(f"{path}.{name}")
        elif isinstance(value[name], dict | list):
            gone |= _missing(child, value[name], f"{path}.{name}")
    return gone


CASES = [
    ("spec.timeZone", "Mars/Base", 'spec.timeZone: "Mars/Base" is not an IANA time zone'),
    ("spec.schedule", "61 * * * *", 'spec.schedule: "61 * * * *" is not a cron expression'),
    ("spec.schedule", "* * * * *", "more often than every 15 minutes"),
    ("spec.schedule", "TZ=UTC 0 * * * *", "set spec.timeZone"),
    ("spec.schedule", ..., "spec: set exactly one of spec.schedule and spec.interval"),
    ("spec.interval", "6h", "spec: set exactly one of spec.schedule and spec.interval"),
    ("spec.interval", "6 hours", 'spec.interval: "6 hours" is refused'),
    ("spec.data.timeframe", "2h", 'spec.data.timeframe: "2h" is refused'),
    ("spec.data.timeframe", "2h", 'see "kubectl explain tsched.spec.data.timeframe"'),
    ("spec.data.symbols", ["btc-usdt"], 'spec.data.symbols[0]: "btc-usdt" is refused'),
    ("spec.data.symbols", ["A/B", "A/B"], "spec.data.symbols: holds a value twice"),
    ("spec.data.symbols", ..., "spec.data.symbols: is missing"),
    ("spec.data.symbol", "BTC/USDT", 'spec.data.symbol: is no field; did you mean "symbols"?'),
    ("spec.data.lookbackDays", 200, "spec: spec.data.lookbackDays must be at least"),
    ("spec.target.exitPercentile", 0.8, "entryPercentile must be above exitPercentile"),
    ("spec.target", {"exitPercentile": 0.8}, "entryPercentile must be above exitPercentile"),
    ("spec.target.positions", "longFlatShort", "longFlatShort needs spec.data.market usdm"),
    ("spec.data.symbols", ["BTC/USDT:USDT"], "spec.data: a symbol with a colon names a perpetual"),
    ("spec.data", {"market": "usdm", "symbols": ["BTC/USD:BTC"]}, "settles in its quote currency"),
    ("spec.data", {"market": "usdm", "symbols": ["A/B", "A/B:B"]}, "name the same perpetual"),
    ("spec.model.xgboost.rounds", 0, "spec.model.xgboost.rounds: 0 is refused"),
    ("spec.model.nhits", {}, "nhits holds parameters of family nhits, and family names another"),
    ("spec.model.rlV2", {}, "rlV2 holds parameters of family rl-v2, and family names another"),
    ("spec.model.xgboost.round", 5, 'did you mean "rounds"?'),
    ("spec.monitoring.drift.mode", False, 'write "Off" in quotes'),
    ("spec.monitoring.performance.mode", False, 'write "Off" in quotes'),
    ("spec.monitoring.drift.windows", 5, "drift.windows must not be above"),
    ("spec.job.podTemplate", {}, "spec.job.podTemplate: is no field"),
    *(("spec.job.queueName", name, f'spec.job.queueName: "{name[:40]}')
      for name in ("Training", "a_b", "-x", "", "q" * 64)),
    ("spec.job.resources", {"limits": {"memory": "256Mi"}},
     "spec.job.resources.limits.memory: 256Mi is less than the "),
    ("spec.job.resources", {"requests": {"memory": "256Mi"}}, "spec.job.resources.requests.memory"),
    ("spec.costs.feeBps", float("nan"), "spec.costs.feeBps: nan is refused"),
    ("metadata.name", "Has-Capitals", "metadata.name must match"),
    ("metadata.name", "x" * 53, "metadata.name must match"),
    ("metadata.name", ..., "metadata.name: is missing"),
    ("kind", "CronJob", "must be"),
    ("apiVersion", "v1", 'must be "clm.dev/v1alpha1"'),
    ("spec", ..., "spec: "),
    ("specs", {}, 'specs: is no field; did you mean "spec"?'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "said"), CASES, ids=lambda x: str(x)[:40])
def test_a_fault_names_its_field_and_what_to_do(path: str, value: Any, said: str) -> None:
    found = faults(path, value)
    assert any(said in fault for fault in found), found


def test_a_resource_may_name_both_faults_at_once() -> None:
    raw = sample("trainingschedule-minimal")
    raw["spec"]["data"] |= {"timeframe": "2h", "lookbackDays": 1}
    assert len(manifests.check(1, raw).faults) == 2


def test_all_documents_of_a_file_are_judged(tmp_path: Path) -> None:
    good, bad = sample("trainingschedule-minimal"), sample("trainingschedule-minimal")
    bad["metadata"]["name"] = "other"
    bad["spec"]["interval"] = "5m"
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump_all([good, bad]) + "---\n")
    result = RUNNER.invoke(app, ["validate", "-f", str(path)])
    assert result.exit_code == 64
    assert f"valid  {path}: TrainingSchedule/minimal" in result.stdout
    assert f"invalid  {path}: TrainingSchedule/other" in result.stdout
    assert 'spec.interval: "5m" comes due more often than every 15 minutes' in result.stdout


NOTED = [
    ("0 9 */2 * 1", "UTC", ['"*/2" and "1": a day has to fit one of the two']),
    ("30 2 * * *", "Europe/Berlin",
     ["on 2026-03-29 the clocks of Europe/Berlin change: 02:30 comes at 03:00"]),
    ("30 2 */2 * 1", "Europe/Berlin", ['other programs read "*/2" as a star', "on 2026-03-29"]),
    ("0 9 * * 1", "UTC", []),
    (None, "Europe/Berlin", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "zone", "said"),
    NOTED,
    ids=["two readings", "a clock change", "both", "nothing to say", "an interval"],
)
def test_what_is_to_be_known_of_slots_is_a_warning(
    line: str | None, zone: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.validate, "now_utc", lambda: datetime(2026, 1, 5, tzinfo=UTC))
    raw = sample("trainingschedule-minimal")
    raw["spec"] |= {"timeZone": zone} | ({"schedule": line} if line else {"interval": "6h"})
    if line:
        raw["spec"].pop("interval", None)
    path = tmp_path / "one.yaml"
    path.write_text(yaml.safe_dump(raw))
    result = RUNNER.invoke(app, ["validate", str(path)])
    assert result.exit_code == 0
    warnings = [w for w in result.stdout.splitlines() if w.startswith("  warning: ")]
    assert len(warnings) == len(said)
    for words, warning in zip(said, warnings, strict=True):
        assert words in warning


ALIASES = b"a0: &a0 [x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 8)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", "is not YAML"),
        (b"", "holds no document"),
        (b"\xff\xfe\x00", "is not"),
        (b"- 1", "the document is no object"),
        (b"a: \x1b", "is not YAML"),
        (b'{"a":' * 100_000, "is not YAML"),
        (b'{"kind": 1' + b"0" * 400 + b"}", "is larger than any number"),
        (b"a: !!binary \xc3\xa9", "!!binary"),
        (b"kind: " + b"9" * 5000, "apiVersion, kind: must be"),
        (b"apiVersion: clm.dev/v1alpha1\nkind: []\nmetadata: {name: x}", "kind: must be"),
        (ALIASES, "excessive aliasing"),
    ],
    ids=[
        "broken",
        "empty",
        "binary",
        "a list",
        "a control character",
        "deeper than anybody reads",
        "a number of 400 digits",
        "letters that are no base 64",
        "text of digits",
        "a kind that is a list",
        "a few lines that stand for ten million values",
    ],
)
def test_a_file_that_is_no_manifest_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    result = RUNNER.invoke(app, ["validate", "-f", str(path)])
    assert result.exit_code != 0
    assert said in result.stdout + str(result.exception)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("registry.io/quants/own:1", "holds registry.io/quants/own, or a folder or registry above"),
        ("registry.io/quants@evil.io/x", "is not the name of an image, and will be refused"),
    ],
    ids=["a name", "none"],
)
def test_an_own_image_is_told_who_must_allow_it(tmp_path: Path, image: str, says: str) -> None:
    raw = sample("trainingschedule-custom")
    raw["spec"]["job"] = {"image": image}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(raw))
    result = RUNNER.invoke(app, ["validate", "-f", str(path)])
    assert (result.exit_code, says in result.stdout) == (0, True), result.stdout


LARGE = [
    ("4Gi", 64, "spec.job.resources.limits.memory: 4Gi is less than the 17Gi that xgboost on 730"),
    ("17Gi", 0, "valid"),
    (None, 0, "xgboost on 730 days of 1m bars of 50 symbols needs 17Gi of memory: the operator"),
]


@pytest.mark.parametrize(
    ("memory", "code", "says"), LARGE, ids=["too little", "enough", "nothing said"]
)
def test_two_years_of_minutes_of_fifty_symbols_are_told_their_size(
    tmp_path: Path, memory: str | None, code: int, says: str
) -> None:
    job = {} if memory is None else {"resources": {"limits": {"memory": memory}}}
    symbols = [f"S{number}/USDT" for number in range(50)]
    data = {"symbols": symbols, "timeframe": "1m", "lookbackDays": 730}
    raw = schedule("large", "ns", job=job, data=data, evaluation={"periodDays": 90})
    path = tmp_path / "large.yaml"
    path.write_text(yaml.safe_dump(raw))
    result = RUNNER.invoke(app, ["validate", "-f", str(path)])
    assert (result.exit_code, says in result.stdout) == (code, True), result.stdout
