"""What CLM's estimate of a run's memory says of the trainer is so."""

import pytest

from clm_api import learning_memory, memory
from clm_api.families import Family
from clm_trainer.families import registry
from clm_trainer.families.base import reads_of
from clm_trainer.features import STANDARD
from clm_trainer.features.table import BLOCK_BARS
from clm_trainer.monitoring.drift_reference import reference_sample
from tests.trainer.families.runs import run_spec


def test_it_counts_the_features_and_blocks_that_there_are() -> None:
    assert len(STANDARD.names) == memory.STANDARD_FEATURES
    assert len(STANDARD.observed) == learning_memory.OBSERVED
    assert memory.BLOCK_BARS == BLOCK_BARS


FAMILIES = [f for f in Family if f.row.learns != "reward" and not f.row.needs_parameters]


@pytest.mark.parametrize("family", [*FAMILIES, Family.RL_V3], ids=str)
def test_it_counts_what_a_family_says_that_it_reads(family: Family) -> None:
    run = run_spec(model={"family": family})
    reads = reads_of(registry.create(run))
    lesson = learning_memory.Lesson(1000, 38, 15, 24)
    found = learning_memory.learned_of(run.model.parameters, lesson)
    assert found.alone == reads.alone
    if reads.stride is None:
        assert found.feature_bytes == 0
    else:
        assert (found.stride, found.feature_bytes) == (reads.stride, 4 if reads.single else 8)


@pytest.mark.parametrize(("bars", "symbols"), [(17520, 2), (210240, 5), (210240, 20), (525600, 50)])
def test_it_counts_the_bars_with_which_later_ones_are_compared(bars: int, symbols: int) -> None:
    rows = len(reference_sample(bars, symbols).bars) * symbols
    assert 0.9 * rows <= memory.compared_rows(bars * symbols, symbols) <= 1.3 * rows
