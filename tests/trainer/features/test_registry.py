"""What a run fetches beside its bars is used, or refused."""

from typing import Any

import pytest

from clm_api.errors import SpecError
from clm_trainer.features import registry
from tests.trainer.pipeline.sheets import run_spec


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"columns": ["tradeCount"]},
         ("spec.data.columns: tradeCount is used by nothing: remove it, or name a feature set that "
         "asks for it; standard asks for nothing beside the bars")),
        ({"series": [{"name": "mood", "columns": ["score"]}]},
         "spec.data.series: mood.score is used by nothing"),
    ],
    ids=["a column of the market", "an own series"],
)  # fmt: skip
def test_what_no_feature_set_asks_for_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as refused:
        registry.create(run_spec(data=data))
    assert said in refused.value.message


def test_an_own_target_may_use_what_no_feature_set_asks_for() -> None:
    spec = run_spec(data={"columns": ["tradeCount"]}, target={"kind": "mine.flow"})
    assert registry.create(spec).columns == ()
