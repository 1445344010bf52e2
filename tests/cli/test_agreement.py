"""What a manifest says: the command line and a real API server, asked by a real kubectl, agree."""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from clm_api.base import Model
from clm_api.errors import ClmError, SpecError
from clm_api.schedule import parse_schedule
from clm_api.training_schedule import TrainingScheduleSpec
from clm_cli import manifests
from tests.cli.namespace import Namespace
from tests.support.control_plane import ControlPlane

PLACES = {
    "suspend": ("spec", 2),
    "timeZone": ("spec", 2),
    "rounds": ("spec.model.xgboost", 6),
    "learningRate": ("spec.model.xgboost", 6),
    "learning_rate": ("spec.model.xgboost", 6),
    "feeBps": ("spec.costs", 4),
    "folds": ("spec.evaluation", 4),
    "secretRef": ("spec.data", 4),
    "timeframe": ("spec.data", 4),
    "cpu": ("spec.job.resources.limits", 8),
}
FILE = """\
apiVersion: clm.dev/v1alpha1
kind: TrainingSchedule
metadata:
  name: agreed
  {metadata}
spec:
  interval: 6h
  {spec}
  model:
    family: xgboost
    xgboost:
      {spec.model.xgboost}
  data:
    symbols: [BTC/USDT]
    lookbackDays: {number}
    {spec.data}
  evaluation:
    {spec.evaluation}
  costs:
    {spec.costs}
  job:
    resources:
      limits:
        {spec.job.resources.limits}
"""
BOOLEANS = ["true", "yes", "on", "Y", "n", "off", "TRUE", "tRUE", "1", '"yes"', "'true'",
            "!!str yes", "!!bool on", "null", "~", "", "oN", "truee"]  # fmt: skip
INTEGERS = ["100", "1e2", "1E+2", "100.0", "100.", "1_00", "0x64", "0144", "0o144", "0b1100100",
            "+100", "100.5", '"100"', "12:30", "1:40", "08", "0", "-5", "9223372036854775808",
            "1e400", "!!int 100", "!!float 100", "!!str 100", "true", "null", ".inf", ".nan",
            "[100]", "{}", "2026-01-05", "1e-2", "0x", "100 # trees", "99999999999999999999",
]  # fmt: skip
NUMBERS = ["0.05", ".05", "5e-2", "5E-2", "+.05", "1", "1.0", "0", "-0.0", '"0.05"', "0,05",
           "1e-400", "0x1p-4", "5_0e-3", "~", "yes", "!!float 1", "!!float 0.05", "0.0_5",
           "1:30"]  # fmt: skip
TEXTS = ["Etc/UTC", '"Etc/UTC"', "5", "yes", "null", "2026-01-05", "!!binary RXRjL1VUQw==",
         "!!str Etc/UTC", "&a Etc/UTC", "! Etc/UTC", ">-\n    Etc/UTC", "[Etc/UTC]",
         "!odd Etc/UTC", "Etc/UTC # zone"]  # fmt: skip
CASES = [
    *(("suspend", value) for value in BOOLEANS),
    *(("rounds", value) for value in INTEGERS),
    *(("learningRate", value) for value in NUMBERS),
    *(("timeZone", value) for value in TEXTS),
    *(("learning_rate", value) for value in ("0.05", "null")),
    *(("feeBps", value) for value in ("null", "~", "5", "1e1", '"5"', "-1", "off")),
    *(("folds", value) for value in ("null", "3", "3.0", "03", "0", "3e0", "!!null ''")),
    *(("secretRef", value) for value in ("null", "~", "{}", "{name: keys}", "keys", "{name: 5}")),
    *(("timeframe", value) for value in ("1h", '"1h"', "1", "1H", "null", "60")),
    *(("cpu", value) for value in ("2", "2.0", "500m", '"2"', "1.5", "-1", "yes", "1e20")),
]
JSON = """{"apiVersion": "clm.dev/v1alpha1", "kind": "TrainingSchedule",
"metadata": {"name": "agreed"}, "spec": {"interval": "6h", "suspend": %s,
"model": {"family": "xgboost", "xgboost": {"rounds": %s}},
"data": {"symbols": ["BTC/USDT"], "lookbackDays": {number}}}}"""
WHOLE = {
    "JSON": (FILE, JSON % ("true", "100")),
    "JSON with a number in its scientific form": (FILE, JSON % ("null", "1e2")),
    "JSON with a text for a number": (FILE, JSON % ("true", '"100"')),
    "JSON with a key twice": (FILE, JSON % ('false, "suspend": true', "5")),
    "braces that are no JSON": (FILE, JSON % ("yes", "5")),
    "a key that stands there twice": ("interval: 6h", "interval: 5h\n  interval: 6h"),
    "two schedules of time": ("interval: 6h", "interval: 6h\n  schedule: 0 */6 * * *"),
    "a null beside the other one": ("interval: 6h", "interval: 6h\n  schedule: null"),
    "an alias": ("[BTC/USDT]", "&all [BTC/USDT]\n    maxGapBars: &gaps 5"),
    "a merge after what it replaces": (
        "    {spec.costs}", "    <<: {feeBps: 4, slippageBps: 2}\n    slippageBps: 1\n",
    ),
    "a merge before what it replaces": (
        "    {spec.costs}", "    slippageBps: 1\n    <<: {feeBps: 4, slippageBps: 2}\n",
    ),
    "a merge of a list": ("    {spec.costs}", "    <<: [{feeBps: 4}, {feeBps: 5}]\n"),
    "a symbol twice": ("[BTC/USDT]", "[BTC/USDT, BTC/USDT]"),
    "a null among the symbols": ("[BTC/USDT]", "[BTC/USDT, null]"),
    "no symbols": ("[BTC/USDT]", "null"),
    "a label that is a number": ("{metadata}", "labels: {a: 1}"),
    "a label whose key is a word of yes": ("{metadata}", "labels: {yes: x}"),
    "a label whose key is a number": ("{metadata}", "labels: {1: x}"),
    "a label that YAML calls true": ("{metadata}", "labels: {a: yes}"),
    "a label that is null": ("{metadata}", "labels: {a: null}"),
    "a label with a blank": ("{metadata}", "labels: {a: b c}"),
    "an annotation that is a boolean": ("{metadata}", "annotations: {a: true}"),
    "an unknown field of metadata": ("{metadata}", "title: x"),
    "an owner in Python's spelling": ("{metadata}", "generate_name: x"),
    "a name that is a number": ("name: agreed", "name: 123"),
    "a name with a dot": ("name: agreed", "name: a.b"),
    "a field beside the spec": ("spec:\n", "extra: 1\nspec:\n"),
    "a status": ("spec:\n", "status: {}\nspec:\n"),
    "a zone in capitals": ("  interval: 6h", "  interval: 6h\n  TimeZone: Etc/UTC"),
    "a second document after dots": ("apiVersion", "---\napiVersion"),
    "a separator with a comment": ("apiVersion", "--- # mine\napiVersion"),
    "a separator with content": ("apiVersion", "--- {a: 1}\n---\napiVersion"),
    "tabs": ("    family: xgboost", "\tfamily: xgboost"),
    "a byte order mark": ("apiVersion", "\ufeffapiVersion"),
    "a null for a whole section": ("  costs:\n    {spec.costs}\n", "  costs:\n"),
    "a list where an object belongs": ("  costs:\n    {spec.costs}\n", "  costs: []\n"),
    "a quoted key": ("interval: 6h", '"interval": 6h'),
    "a tag nobody knows on an object": ("    xgboost:\n", "    xgboost: !mine\n"),
}  # fmt: skip


TEXT_OF = {f"{field}: {value}".replace("\n", " "): (field, value) for field, value in CASES} | WHOLE
_FIRST = 400


def filled(number: int, name: str) -> str:
    """Return a case's file; how many days it looks back tells it from the others."""
    text, lines = FILE, dict.fromkeys([*(place for place, _ in PLACES.values()), "metadata"], "")
    first, second = TEXT_OF[name]
    if name in WHOLE:
        text = text.replace(first, second, 1)
    else:
        lines[PLACES[first][0]] = f"{first}: {second}"
    for place, line in lines.items():
        text = text.replace(f"{{{place}}}", line)
    return text.replace("{number}", str(_FIRST + number))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("manifests")
    paths = {name: folder / f"{number}.yaml" for number, name in enumerate(TEXT_OF)}
    for number, (name, path) in enumerate(paths.items()):
        path.write_text(filled(number, name), encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def stored(defined: ControlPlane, files: dict[str, Path]) -> dict[str, TrainingScheduleSpec]:
    """What the API server would store of each file; the operator has the last word on it."""
    api = Namespace.make(defined, "agreement")
    arguments = [word for path in files.values() for word in ("-f", path)]
    command = ("-n", api.name, "create", "--dry-run=server", "-o", "json")
    rest, found = api.plane.kubectl(*command, *arguments, check=False), {}
    names = list(files)
    while rest.startswith("{"):
        raw, end = json.JSONDecoder().raw_decode(rest)
        spec = TrainingScheduleSpec.model_validate(raw["spec"])
        with suppress(SpecError):
            parse_schedule(spec)
            found[names[spec.data.lookback_days - _FIRST]] = spec
        rest = rest[end:].lstrip()
    assert found, rest
    return found


def of_command(path: Path) -> tuple[Model | None, str]:
    try:
        (document,) = manifests.read(path)
    except ClmError as error:
        return None, error.message
    return document.spec, "; ".join(document.faults)


@pytest.mark.parametrize("name", TEXT_OF)
def test_a_file_is_refused_by_both_or_means_the_same(
    name: str, files: dict[str, Path], stored: dict[str, TrainingScheduleSpec]
) -> None:
    spec, why = of_command(files[name])
    assert (spec, why) == (stored.get(name), why)
