"""What is finished is used again, what is half-written is not, and nothing is mixed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.simulation.fingerprint import Fingerprint
from clm_trainer.simulation.slots import SlotFolder, packed
from clm_trainer.simulation.version import PastVersion
from clm_trainer.storage import Storage
from tests.trainer.families.runs import run_spec
from tests.trainer.simulation.past import failed, version

MADE_OF = Fingerprint("a" * 64, "", "c" * 64, "d" * 64)
DRAWN = version(100, np.random.default_rng(1).random((860, 2)))


@pytest.fixture
def folder(tmp_path: Path) -> SlotFolder:
    return SlotFolder(Storage(str(tmp_path)), "versions")


@pytest.mark.parametrize("kept", [DRAWN, failed(3)], ids=["trained", "failed"])
def test_a_version_comes_back_bit_by_bit(folder: SlotFolder, kept: PastVersion) -> None:
    assert folder.create(kept.slot, packed(kept, MADE_OF))
    found = folder.load(kept.slot, MADE_OF)
    assert (found.slot, found.metrics, found.failure) == (kept.slot, kept.metrics, kept.failure)
    np.testing.assert_array_equal(found.percentiles, kept.percentiles)
    np.testing.assert_array_equal(found.sigma, kept.sigma)
    later = kept.slot + timedelta(hours=6)
    assert folder.finished([kept.slot, later]) == {kept.slot}


def test_the_same_version_has_the_same_bytes_and_the_first_one_stands(folder: SlotFolder) -> None:
    content = packed(DRAWN, MADE_OF)
    assert packed(DRAWN, MADE_OF) == content
    assert folder.create(DRAWN.slot, content)
    assert folder.create(DRAWN.slot, content), "a lost answer is no other version"
    assert not folder.create(DRAWN.slot, packed(replace(DRAWN, failure="other"), MADE_OF))
    assert folder.load(DRAWN.slot, MADE_OF).failure == ""


def test_half_a_file_of_a_slot_is_none(folder: SlotFolder) -> None:
    folder.store.put(f"{folder.path(DRAWN.slot)}.new", b"")
    assert folder.finished([DRAWN.slot]) == set()


CASES = {
    "absent": (None, "is absent"),
    "cut off": (packed(DRAWN, MADE_OF)[:-100], "can't be read"),
    "empty": (b"", "can't be read"),
    "no archive": (b"{}", "can't be read"),
    "of other bars": (packed(DRAWN, replace(MADE_OF, bars="b" * 64)), "was made of other bars:"),
    "of other spec and code": (
        packed(DRAWN, replace(MADE_OF, spec="e", code="f")), "of other spec and other code:",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), CASES.values(), ids=CASES)
def test_an_unusable_version_names_its_slot_and_what_is_wrong(
    folder: SlotFolder, content: bytes | None, said: str
) -> None:
    if content is not None:
        folder.store.put(folder.path(DRAWN.slot), content)
    with pytest.raises(ClmError, match=r"slot 2025-\d\d-\d\dT\d\d:\d\dZ") as caught:
        folder.load(DRAWN.slot, MADE_OF)
    assert caught.value.reason is Reason.DATA_INVALID
    assert said in caught.value.message


EVENTS = pd.DataFrame({"time": [1], "symbol": ["A"], "funding_rate": [0.1], "mark_price": [2.0]})


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (Fingerprint.of(run_spec(), "b"), ["bars"]),
        (Fingerprint.of(run_spec(), "a", EVENTS), ["funding"]),
        (Fingerprint.of(run_spec(model={"seed": 8}), "a"), ["spec"]),
        (Fingerprint.of(run_spec(job={"nodeSelector": {"zone": "a"}}), "a"), []),
    ],
    ids=["bars", "funding", "seed", "a pod elsewhere makes no difference"],
)
def test_what_a_version_was_made_of_is_told_apart(other: Fingerprint, differs: list[str]) -> None:
    mine = Fingerprint.of(run_spec(), "a")
    assert mine.differing(other) == differs
    assert (mine.sha256 == other.sha256) == (not differs)
