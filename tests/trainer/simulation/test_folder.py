"""What is finished is used again, what is half-written is not, and nothing is mixed."""

from pathlib import Path

import numpy as np

from clm_trainer.simulation.folder import VersionFolder, fingerprint
from tests.trainer.families.runs import run_spec
from tests.trainer.simulation.past import failed, version


def test_a_version_comes_back_bit_by_bit(tmp_path: Path) -> None:
    folder, kept = VersionFolder(tmp_path), version(100, np.random.default_rng(1).random((860, 2)))
    folder.save(kept)
    found = folder.load(kept.slot)
    assert (found.slot, found.metrics, found.failure) == (kept.slot, kept.metrics, "")
    np.testing.assert_array_equal(found.percentiles, kept.percentiles)
    np.testing.assert_array_equal(found.sigma, kept.sigma)


def test_a_failed_version_is_finished_too(tmp_path: Path) -> None:
    folder, kept = VersionFolder(tmp_path), failed(3)
    folder.save(kept)
    found = folder.load(kept.slot)
    assert (found.metrics, found.failure) == (None, "DataGap: a hole")


def test_signals_without_their_json_are_half_a_version(tmp_path: Path) -> None:
    folder, kept = VersionFolder(tmp_path), version(100)
    folder.save(kept)
    assert folder.has(kept.slot)
    next(tmp_path.glob("*.json")).unlink()
    assert not folder.has(kept.slot)


def test_another_spec_or_other_bars_have_another_folder() -> None:
    names = {
        fingerprint(run_spec(), "a"),
        fingerprint(run_spec(), "b"),
        fingerprint(run_spec(model={"seed": 8}), "a"),
    }
    assert len(names) == 3
    assert fingerprint(run_spec(), "a") in names
