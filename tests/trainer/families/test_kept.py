"""Features of some rows only give the same models and scores as those of all rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clm_api.families import Family as FamilyName
from clm_trainer.families.base import Dataset, reads_of
from clm_trainer.kept import Keeper, Kept
from tests.trainer.families.fits import family, parts, rows
from tests.trainer.families.runs import context


def kept(
    made: Dataset, wanted: np.ndarray[tuple[int, int], np.dtype[np.bool_]], *, single: bool
) -> Kept:
    keeper = Keeper(wanted, len(made.names), single=single)
    for start in range(0, len(made), 1000):
        cut = slice(start, start + 1000)
        keeper.take(start, made.features[cut], made.usable[cut])
    return keeper.kept()


@pytest.mark.parametrize("name", [f for f in FamilyName if not f.row.needs_parameters], ids=str)
def test_a_family_gives_the_same_model_and_scores_of_what_it_says_that_it_reads(
    name: FamilyName, tmp_path: Path
) -> None:
    whole = rows()
    reads = reads_of(family(name))
    bars = np.arange(len(whole))
    wanted = bars >= 2625 if reads.stride is None else (bars >= 2625) | (bars % reads.stride == 0)
    mask = np.repeat((wanted & (reads.stride is not None))[:, None], 2, axis=1)
    lean = replace(whole, features=kept(whole, mask, single=reads.single))
    made = []
    for number, some in enumerate((whole, lean)):
        train, valid, test = parts(some)
        fitted = family(name).fit(train, valid, context())
        folder = tmp_path / str(number)
        folder.mkdir()
        fitted.save(folder)
        files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        made.append((fitted.score(test).tobytes(), fitted.score(valid).tobytes(), files))
    assert made[0] == made[1]


def test_rows_that_were_not_kept_are_not_given() -> None:
    whole = rows()
    some = kept(whole, whole.usable & (np.arange(len(whole)) % 4 == 0)[:, None], single=False)
    there = whole.usable.copy()
    there[np.arange(len(whole)) % 4 != 0] = False
    np.testing.assert_array_equal(some[there], whole.features[there])
    np.testing.assert_array_equal(some[800:][there[800:]], whole.features[800:][there[800:]])
    row, column = np.argwhere(there)[7]
    np.testing.assert_array_equal(some[row, column], whole.features[row, column])
    with pytest.raises(ValueError, match="were not kept"):
        some[whole.usable]
