"""What every family must do, whatever it is; a new one is tested by being registered."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_api.families import Family as FamilyName
from clm_trainer import devices
from clm_trainer.evaluation.positions import PercentileMap
from tests.trainer.families.fits import every_family, family, fitted, parts, rows
from tests.trainer.families.runs import context


@every_family
def test_the_same_seed_gives_the_same_scores_and_another_seed_others(name: FamilyName) -> None:
    test = parts()[2]
    once, again, other = (fitted(name, seed).score(test) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert (once != other)[np.isfinite(once)].any()


@every_family
def test_a_second_fit_of_the_run_does_not_change_the_first(name: FamilyName) -> None:
    train, valid, test = parts()
    maker = family(name)
    first = maker.fit(train, valid, context())
    before = first.score(test)
    maker.fit(valid, test, context())
    np.testing.assert_array_equal(first.score(test), before)


@every_family
def test_a_saved_model_scores_the_same_to_the_bit(name: FamilyName, tmp_path: Path) -> None:
    test, made = parts()[2], fitted(name)
    made.save(tmp_path)
    loaded = family(name).load(tmp_path, test.names)
    np.testing.assert_array_equal(loaded.score(test), made.score(test))


@every_family
def test_a_model_of_other_features_is_refused(name: FamilyName, tmp_path: Path) -> None:
    fitted(name).save(tmp_path)
    with pytest.raises(ClmError, match="other features") as caught:
        family(name).load(tmp_path, parts()[2].names[::-1])
    assert caught.value.reason == "ArtifactCorrupt"


@every_family
def test_usable_rows_are_scored_and_no_others(name: FamilyName) -> None:
    test = parts()[2]
    scores = fitted(name).score(test)
    np.testing.assert_array_equal(np.isfinite(scores), test.usable)
    assert not test.usable.all(), "the case has holes"
    assert np.nanstd(scores) > 0


@every_family
def test_a_row_is_scored_alike_alone_and_among_others(name: FamilyName) -> None:
    test, made = parts()[2], fitted(name)
    np.testing.assert_array_equal(made.score(test.rows(100, 101)), made.score(test)[100:101])


@every_family
def test_nothing_usable_gives_no_score(name: FamilyName) -> None:
    test = parts()[2]
    blank = replace(test, usable=np.zeros_like(test.usable))
    assert np.isnan(fitted(name).score(blank)).all()


@every_family
def test_unusable_rows_are_not_read(name: FamilyName) -> None:
    made, test = rows(), parts()[2]
    absurd = replace(
        made,
        features=np.where(made.usable[:, :, None], made.features[:], 1e9),
        target=np.where(made.usable, made.target, 1e9),
    )
    ours, theirs = fitted(name).score(test), fitted(name, made=absurd).score(test)
    np.testing.assert_array_equal(ours, theirs)


@every_family
@pytest.mark.parametrize("label", [0.0, 0.7], ids=["all labels 0", "all labels 0.7"])
def test_a_constant_target_is_no_error(name: FamilyName, label: float) -> None:
    made = replace(rows(), target=np.full_like(rows().target, label))
    test = parts()[2]
    scores = fitted(name, made=made).score(test)
    np.testing.assert_array_equal(np.isfinite(scores), test.usable)
    ranks = PercentileMap.fit(scores).rank(scores)
    assert ((ranks >= 0) & (ranks <= 1))[test.usable].all()


@every_family
@pytest.mark.parametrize("field", ["usable", "target"], ids=["no usable row", "no known label"])
def test_without_rows_to_learn_from_it_says_so(name: FamilyName, field: str) -> None:
    made = rows()
    nothing = {"usable": np.zeros_like(made.usable), "target": np.full_like(made.target, np.nan)}
    train, valid, _ = parts(replace(made, **{field: nothing[field]}))  # type: ignore[arg-type]
    with pytest.raises(ClmError) as caught:
        family(name).fit(train, valid, context())
    assert (caught.value.reason, caught.value.exit_code) == ("InsufficientData", 65)


@every_family
def test_progress_only_rises_and_ends_at_1(name: FamilyName) -> None:
    told: list[tuple[float, str]] = []
    fitted(name, progress=lambda done, line: told.append((done, line)))
    done = [share for share, _ in told]
    assert len(done) > 1
    assert done == sorted(done)
    assert done[0] > 0
    assert done[-1] == pytest.approx(1)
    assert all(line for _, line in told)


@every_family
@pytest.mark.parametrize("after", [0, 3], ids=["told to at once", "told to after a while"])
def test_it_stops_when_told_to(name: FamilyName, after: int) -> None:
    told: list[float] = []
    with pytest.raises(ClmError) as caught:
        fitted(
            name,
            progress=lambda done, _line: told.append(done),
            should_stop=lambda: len(told) >= after,
        )
    assert caught.value.reason == "Interrupted"
    assert len(told) <= after + 1, "it stops at the next occasion"


@every_family
def test_importance_is_a_share_of_each_feature_that_counts(name: FamilyName) -> None:
    shares = fitted(name).importance()
    assert set(shares) <= set(rows().names)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert not shares or sum(shares.values()) == pytest.approx(1)


@every_family
def test_without_a_gpu_it_does_not_fall_back(
    name: FamilyName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "visible_gpus", lambda: 0)
    with pytest.raises(ClmError) as caught:
        fitted(name, device="cuda")
    assert caught.value.reason == "DeviceUnavailable"
