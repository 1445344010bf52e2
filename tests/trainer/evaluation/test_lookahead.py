"""The truncation test finds a planted leak, always."""

from collections.abc import Callable

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_trainer.evaluation.lookahead import require_causal
from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import real

LEAKS: dict[str, Callable[[Panel], Floats]] = {
    "the next close": lambda p: np.concatenate([p.close[1:], p.close[-1:]]),
    "scaled by the mean of all bars": lambda p: p.close / p.close.mean(axis=0),
    "a hole filled backwards": lambda p: np.minimum.accumulate(p.low[::-1], axis=0)[::-1],
    "a centred average": lambda p: p.close + np.concatenate([p.close[3:], p.close[-3:]]),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())
def test_a_leak_is_found(leak: Callable[[Panel], Floats]) -> None:
    with pytest.raises(ClmError, match="look-ahead: the value at 2") as caught:
        require_causal(leak, real(30), cuts=[400])
    assert caught.value.reason == "MetricsRejected"


def test_what_looks_back_only_is_left_alone() -> None:
    def known(panel: Panel) -> Floats:
        out = np.maximum.accumulate(panel.close, axis=0)
        out[:10] = np.nan
        return out

    require_causal(known, real(30), cuts=[1, 9, 11, 400, 719])
