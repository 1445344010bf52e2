"""A family is one row and one offer: all else that depends on it follows from them."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clm_api.families import Family

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / f"{folder}/src" for folder in ("crds", "operator", "trainer-image", "cli")]
ROWS = ROOT / "crds/src/clm_api/families.py"
NAMES = {name for family in Family for name in (family.value, family.field)}


def _named(tree: ast.AST) -> Iterator[str]:
    """Families that a program names as ``Family.NHITS``, or by a text such as ``nhits``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield str(node.value).replace("_", "-")
        if isinstance(node, ast.Attribute) and node.attr in Family.__members__:
            yield Family[node.attr].value


def test_no_program_names_a_family_but_its_row_and_its_own_module() -> None:
    found = {}
    for path in (p for folder in SOURCES for p in folder.rglob("*.py") if p != ROWS):
        own = {family.value for family in Family if path.stem == family.field}
        if others := set(_named(ast.parse(path.read_text()))) - own:
            found[str(path.relative_to(ROOT))] = others
    assert found == {}


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("FOLDS = {'nhits': 1}", {"nhits"}),
        ("x = 1 if family == 'rl_v2' else 2", {"rl-v2"}),
        ("if family is FamilyName.RL_V3: pass", {"rl-v3"}),
        ("spec.model.parameters", set()),
    ],
    ids=["a table of texts", "a branch on a text", "a branch on a member", "none"],
)
def test_a_name_is_found_however_it_is_written(program: str, names: set[str]) -> None:
    assert set(_named(ast.parse(program))) == names


ROW = """
    SEVENTH = "rl-v9", Row(
        "seventh", XgboostParameters, folds=5,
        flavour="rl", memory="3Gi", libraries=("xgboost",),
    )
    # fmt: on
"""
MODULE = """
from clm_api.parameters.boosting import XgboostParameters
from clm_trainer.own.door import Offer

OFFER = Offer(XgboostParameters, lambda parameters, run: parameters)
"""
ENTRY = "[clm.families]\nrl-v9 = rl_v9:OFFER\n"
SEEN = """
import json
import sys
from clm_api.families import Family
from clm_api.crdgen import crds
from clm_api.samplegen import samples

sys.path.append(sys.argv[1])
from clm_cli import manifests
from clm_operator.settings import DEFAULTS
from clm_trainer.families import registry
from tests.support.schedules import schedule
from tests.trainer.families.runs import run_spec
from tools.values.__main__ import schema
from pathlib import Path

spec = run_spec(model={"family": "rl-v9", "rlV9": {"rounds": 7}})
kinds = {n: d["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for n, d in crds().items()}
model = kinds["trainingschedules.yaml"]["properties"]["spec"]["properties"]["model"]
wrong = {"family": "nhits", "rlV9": {}}
values = json.loads(schema(Path("charts/clm")))["properties"]
print(json.dumps({
    "made": registry.create(spec).rounds,
    "folds": spec.evaluation.folds,
    "pod": DEFAULTS["families"]["rl-v9"]["resources"]["requests"]["memory"],
    "enum": "rl-v9" in model["properties"]["family"]["enum"],
    "parameters": "rounds" in model["properties"]["rlV9"]["properties"],
    "rule": manifests.check(1, schedule("wrong", "default", model=wrong)).faults,
    "sample": "rlV9" in samples()["trainingschedule-rl-v9.yaml"],
    "chart": "rl-v9" in values["families"]["properties"],
}))
"""


def test_another_family_is_one_row_and_one_offer(tmp_path: Path) -> None:
    contract, families = tmp_path / "contract", tmp_path / "families"
    source = ROOT / "crds/src/clm_api"
    for path in source.rglob("*.py"):
        copy = contract / "clm_api" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    rows = contract / "clm_api/families.py"
    rows.write_text(rows.read_text().replace("    # fmt: on\n", ROW))
    families.mkdir()
    (families / "rl_v9.py").write_text(MODULE)
    installed = families / "seventh-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: seventh\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(ENTRY)
    done = subprocess.run(
        [sys.executable, "-c", SEEN, str(families)],
        env={"PYTHONPATH": f"{contract}:{ROOT}:{ROOT / 'tools/cluster'}", "PATH": ""},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    rule = "spec.model: rlV9 holds parameters of family rl-v9, and family names another"
    assert seen.pop("rule") == [rule]
    assert seen == {
        "made": 7, "folds": 5, "pod": "3Gi", "enum": True, "parameters": True, "sample": True,
        "chart": True,
    }  # fmt: skip
