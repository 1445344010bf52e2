"""The registry knows every family of the contract, and imports a library only when it is asked."""

import subprocess
import sys

import pytest

from clm_api.families import Family
from clm_trainer.families import registry
from clm_trainer.families.xgboost import XgboostFamily
from tests.trainer.families.runs import run_spec


@pytest.mark.parametrize("family", Family)
def test_every_family_can_be_made(family: Family) -> None:
    made = registry.create(run_spec(model={"family": family.value}))
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
