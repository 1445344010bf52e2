"""The registry knows every family of the contract, and imports a library only when it is asked."""

import subprocess
import sys

import pytest
from pydantic.alias_generators import to_camel

from clm_api.errors import SpecError
from clm_api.families import Family
from clm_api.parameters.own import CustomParameters
from clm_api.run import RunSpec
from clm_trainer.families import registry
from clm_trainer.families.xgboost import XgboostFamily
from mypackage.network import NetworkFamily
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


def custom(**told: object) -> RunSpec:
    return run_spec(model={"family": "custom", "custom": told})


@pytest.mark.parametrize("seeds", [1, 3])
def test_an_own_family_is_told_how_many_seeds_are_counted(seeds: int) -> None:
    spec = custom(name="mypackage.network", seeds=seeds)
    family = registry.create(spec)
    assert isinstance(family, NetworkFamily)
    assert family.params.seeds == spec.model.seeds == seeds


def test_the_seeds_of_own_members_of_a_blend_are_counted() -> None:
    own = {"family": "custom", "custom": {"name": "mypackage.network", "seeds": 3}}
    spec = run_spec(model={"family": "blend", "blend": {"members": [{"family": "xgboost"}, own]}})
    assert spec.model.seeds == 4
    assert callable(registry.create(spec).fit)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"name": "mypackage.linear", "seeds": 2}, r"^spec.model.custom.seeds: .*trains one model"),
        (
            {"name": "mypackage.network", "params": {"seeds": 2}},
            r"^spec.model.custom.params.seeds: .*set spec.model.custom.seeds",
        ),
        ({"name": "mypackage.linear", "params": {"beta": 1}}, r"^spec.model.custom.params.beta: "),
        ({"name": "mypackage.linear", "params": {"alpha": 0}}, r"^spec.model.custom.params.alpha"),
        ({"name": "mypackage.none"}, r"^spec.model.custom: .*not offered by any package"),
    ],
    ids=["seeds of a family without", "seeds among the parameters", "an unknown parameter",
         "a wrong one", "an unknown family"],
)  # fmt: skip
def test_what_an_own_family_can_not_do_is_refused(told: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        registry.create(custom(**told))


def test_the_registry_itself_imports_no_model_library() -> None:
    code = (
        "import sys, clm_trainer.stages.train; "
        "print([m for m in ('xgboost', 'lightgbm', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
