"""The registry knows every family of the contract, and imports a library only when it is asked."""

import subprocess
import sys

import pytest
from pydantic.alias_generators import to_camel

from clm_api.families import Family
from clm_api.parameters.own import CustomParameters
from clm_trainer.families import registry
from clm_trainer.families.xgboost import XgboostFamily
from tests.trainer.families.runs import run_spec

OFFERED = [family for family in Family if family.row.parameters is not CustomParameters]


@pytest.mark.parametrize("family", OFFERED)
def test_every_family_can_be_made(family: Family) -> None:
    told = {to_camel(family.field): family.row.sample}
    made = registry.create(run_spec(model={"family": family.value, **told}))
    assert callable(made.fit)
    assert callable(made.load)


def test_parameters_reach_the_family() -> None:
    family = registry.create(run_spec(model={"xgboost": {"maxDepth": 5}}))
    assert isinstance(family, XgboostFamily)
    assert family.parameters.max_depth == 5
    assert family.parameters.rounds == 50, "the measured default"


def test_the_registry_itself_imports_no_model_library() -> None:
    code = (
        "import sys, clm_trainer.stages.train; "
        "print([m for m in ('xgboost', 'lightgbm', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
