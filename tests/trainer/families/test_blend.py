"""A blend: the mean of its members' percentiles, and nothing else of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_api.families import Family as FamilyName
from clm_trainer.evaluation.positions import KEPT_QUANTILES, PercentileMap
from clm_trainer.families import registry
from clm_trainer.families.base import Family, Fitted
from tests.trainer.families.fits import SMALL, family, parts
from tests.trainer.families.runs import context, run_spec

XGB: dict[str, Any] = {"family": "xgboost", "xgboost": {"rounds": 12}}
LGB: dict[str, Any] = {"family": "lightgbm"}
NHITS: dict[str, Any] = {"family": "nhits", "nhits": SMALL[FamilyName.NHITS] | {"maxSteps": 2}}
POLICY: dict[str, Any] = {"family": "rl-v2", "rlV2": SMALL[FamilyName.RL_V2] | {"seeds": 1}}
LINEAR: dict[str, Any] = {"family": "custom", "custom": {"name": "mypackage.linear"}}


def blend(*members: dict[str, Any], seed: int = 1) -> Family:
    model = {"family": "blend", "seed": seed, "blend": {"members": list(members)}}
    return registry.create(run_spec(model=model))


def fit(made: Family, seed: int = 1, **how: Any) -> Fitted:
    train, valid, _ = parts()
    return made.fit(train, valid, context(seed, **how))


def percentiles(name: FamilyName, seed: int) -> Any:
    """One family alone, ranked on the tail."""
    made = fit(family(name, seed), seed)
    return PercentileMap.fit(made.score(parts()[1])).rank(made.score(parts()[2]))


def test_it_is_the_mean_of_the_percentiles_of_its_members() -> None:
    made = fit(blend(XGB, LGB | {"seed": 8}, LGB))
    alone = [
        percentiles(FamilyName.XGBOOST, 1),
        percentiles(FamilyName.LIGHTGBM, 8),
        percentiles(FamilyName.LIGHTGBM, 1),
    ]
    np.testing.assert_array_equal(made.score(parts()[2]), np.mean(alone, axis=0))
    assert not np.array_equal(alone[1], alone[2], equal_nan=True), "each member has its seed"


def test_one_member_twice_is_that_member() -> None:
    twice = fit(blend(XGB, XGB)).score(parts()[2])
    once = percentiles(FamilyName.XGBOOST, 1)
    np.testing.assert_array_equal(twice, once)
    tail = fit(blend(XGB, XGB)).score(parts()[1])
    again = PercentileMap.fit(tail).rank(twice)
    assert np.nanmax(np.abs(again - once)) <= 2 / KEPT_QUANTILES, "and so are its positions"


def test_the_order_of_members_does_not_matter() -> None:
    test = parts()[2]
    np.testing.assert_allclose(
        fit(blend(XGB, LGB)).score(test), fit(blend(LGB, XGB)).score(test), rtol=1e-15
    )


def test_a_member_tells_its_name_and_its_share_of_the_work() -> None:
    told: list[tuple[float, str]] = []
    fit(blend(XGB, POLICY), progress=lambda done, line: told.append((done, line)))
    first = [(done, line) for done, line in told if line.startswith("member 1/2 xgboost: round")]
    second = [(done, line) for done, line in told if line.startswith("member 2/2 rl-v2: rl-v2 ")]
    assert len(first) + len(second) == len(told), "rl-v2 in a blend is not the blend"
    assert first[-1][0] == pytest.approx(0.5)
    assert 0.5 < second[0][0] < second[-1][0] == pytest.approx(1)


@pytest.mark.parametrize(
    "members",
    [(XGB, NHITS), (NHITS, POLICY, LINEAR)],
    ids=["boosting and neural", "neural, a policy and an own model"],
)
def test_members_of_several_libraries(members: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    made, test = fit(blend(*members)), parts()[2]
    scores = made.score(test)
    assert np.isfinite(scores).any()
    made.save(tmp_path)
    loaded = blend(*members).load(tmp_path, test.names)
    np.testing.assert_array_equal(loaded.score(test), scores)
    np.testing.assert_array_equal(fit(blend(*members)).score(test), scores)


def test_a_bar_of_which_one_member_says_nothing_has_no_score() -> None:
    """A network needs the closes of 168 bars, and a booster none."""
    made, test = fit(blend(XGB, NHITS)), parts()[2]
    young = replace(test, log_close=test.log_close[-len(test) :])
    alone = fit(blend(NHITS, NHITS)).score(young)
    scores = made.score(young)
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(alone))
    assert np.isnan(scores[:100]).all()
    assert np.isfinite(scores[200:]).any()


DAMAGES = {
    "a member's model is cut off": ("member-1/model.txt", "cut", "model.txt can't be read"),
    "a member's model is gone": ("member-0/model.ubj", "gone", "model.ubj can't be read"),
    "a member's names are gone": ("member-0/model.json", "gone", "model.json can't be read"),
    "a member's percentiles are cut off": ("member-1.json", "cut", "member-1.json can't be read"),
    "a member's percentiles are gone": ("member-0.json", "gone", "member-0.json can't be read"),
}


@pytest.mark.parametrize(("file", "how", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_member_is_named(file: str, how: str, said: str, tmp_path: Path) -> None:
    fit(blend(XGB, LGB)).save(tmp_path)
    path = tmp_path / file
    if how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    number = file.removeprefix("member-")[0]
    with pytest.raises(ClmError, match=rf"^member-{number} \(.*\): {said}") as caught:
        blend(XGB, LGB).load(tmp_path, parts()[0].names)
    assert caught.value.reason == "ArtifactCorrupt"


def test_its_importance_is_that_of_the_members_that_have_one() -> None:
    shares = [fit(family(n, 1)).importance() for n in (FamilyName.XGBOOST, FamilyName.LIGHTGBM)]
    made = fit(blend(XGB, LGB, NHITS)).importance()
    assert sum(made.values()) == pytest.approx(1)
    for name, share in made.items():
        assert share == pytest.approx(sum(one.get(name, 0) for one in shares) / 2)


@pytest.mark.parametrize(
    ("members", "seeds"),
    [
        ((XGB, LGB), 2),
        ((XGB, {"family": "nhits"}), 4),
        (({"family": "rl-v3", "rlV3": {"seeds": 5}}, {"family": "nhits"}, XGB), 9),
    ],
    ids=["two boosters", "a booster and three networks", "five policies, three networks, one"],
)
def test_every_seed_of_every_member_is_a_trial(members: tuple[Any, ...], seeds: int) -> None:
    spec = run_spec(model={"family": "blend", "blend": {"members": list(members)}})
    assert spec.model.seeds == seeds


def test_eight_members_are_few_enough_files(tmp_path: Path) -> None:
    fit(blend(*[XGB | {"seed": n} for n in range(8)])).save(tmp_path)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 24
