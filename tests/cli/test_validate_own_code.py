"""``clm validate --local`` says of own code what a run would say."""

from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from typer.testing import CliRunner

from tests.cli.app import app
from tests.support.own_packages import lay, on_the_path
from tests.support.schedules import schedule

RUNNER = CliRunner()
ENTRIES = """
[clm.features]
quantdesk.momentum = quantdesk:momentum
quantdesk.broken = quantdesk:broken
quantdesk.absent = quantdesk.nowhere:momentum
quantdesk.misspelt = quantdesk:misspelt
quantdesk.leaves = quantdesk:leaves
[clm.families]
quantdesk.linear = quantdesk:LINEAR
quantdesk.unmade = quantdesk:UNMADE
[clm.targets]
quantdesk.sharpe = quantdesk:SHARPE
"""
PACKAGE = """
from pydantic import BaseModel, Field
from clm_trainer.own.door import Offer
from clm_trainer.own.features import features

class Momentum(BaseModel):
    model_config = {"extra": "forbid"}
    window_bars: int = Field(default=24, ge=2)

class Linear(BaseModel):
    alpha: float = Field(default=1.0, gt=0)

@features(lookback_bars=lambda p: p.window_bars, params=Momentum, columns=("takerBuyVolume",))
def momentum(bars, params):
    return {"momentum": bars["close"].pct_change(params.window_bars)}

@features(lookback_bars=10)
def broken(bars, params):
    return {"x": bars["closes"]}

@features(lookback_bars=lambda p: p.windows, params=Momentum)
def misspelt(bars, params):
    return {"x": bars["close"]}

@features(lookback_bars=10)
def leaves(bars, params):
    raise SystemExit("no licence")

class Careful(BaseModel):
    alpha: float = 1.0

    def model_post_init(self, context):
        if self.alpha > 9:
            raise LookupError(self.alpha)

UNMADE = Offer(Careful, lambda params, run: 1 / 0)
LINEAR = Offer(Linear, lambda params, run: object())
SHARPE = Offer(Momentum, lambda params, run: object())
"""
OWN: dict[str, Any] = {
    "family": "custom",
    "custom": {"name": "quantdesk.linear", "params": {"alpha": 2}},
    "features": {"set": "quantdesk.momentum", "params": {"windowBars": 12}},
}
DATA = {"symbols": ["BTC/USDT"], "columns": ["takerBuyVolume"]}
TARGET = {"kind": "quantdesk.sharpe", "params": {"windowBars": 12}}


def said(folder: Path, *options: str, **spec: Any) -> tuple[int, str]:
    groups = {"model": OWN, "data": DATA, "target": TARGET, **spec}
    lay(folder, {"quantdesk/__init__.py": PACKAGE}, ENTRIES)
    file = folder / "schedule.yaml"
    file.write_text(yaml.safe_dump(schedule("own", "default", **groups)))
    with on_the_path(folder):
        result = RUNNER.invoke(app, ["validate", *options, str(file)])
    return result.exit_code, " ".join(result.stdout.split())


def test_without_local_it_says_what_is_not_checked(tmp_path: Path) -> None:
    code, text = said(tmp_path)
    assert code == 0
    names = "quantdesk.momentum, quantdesk.sharpe, quantdesk.linear"
    assert f"warning: own code is not checked here: {names};" in text


def test_a_name_that_is_none_of_ours_is_not_taken_for_one(tmp_path: Path) -> None:
    misspelt = {"family": "xgboost", "features": {"set": "standart"}}
    code, text = said(tmp_path, model=misspelt, target={"kind": "triplebarrier"})
    assert code == 0
    assert "warning: own code is not checked here: standart, triplebarrier;" in text
    ours = {"family": "xgboost", "features": {"set": "standard"}}
    for kind in ("return", "sign", "tripleBarrier"):
        assert "warning" not in said(tmp_path, model=ours, target={"kind": kind})[1]


def test_what_fits_is_valid(tmp_path: Path) -> None:
    code, text = said(tmp_path, "--local")
    assert code == 0, text
    assert "own code is not checked" not in text


class Fault(NamedTuple):
    name: str
    spec: dict[str, Any]
    text: str


def features(name: str, **params: Any) -> dict[str, Any]:
    return {"model": {**OWN, "features": {"set": name, "params": params}}}


FAULTS = [
    Fault("a parameter out of its range", features("quantdesk.momentum", windowBars=1),
          "spec.model.features.params.windowBars: Input should be greater than or equal to 2"),
    Fault("a parameter that there is not", features("quantdesk.momentum", window=12),
          'spec.model.features.params.window: "quantdesk.momentum" has parameters'),
    Fault("a set that nobody offers", features("quantdesk.moment"),
          'spec.model.features: "quantdesk.moment" is not offered by any package'),
    Fault("a set that can't be imported", features("quantdesk.absent"),
          'spec.model.features: "quantdesk.absent" of quantdesk can\'t be imported'),
    Fault("a set that raises", features("quantdesk.broken"),
          'spec.model.features: "quantdesk.broken" raises on drawn bars: KeyError'),
    Fault("a look-back that raises", features("quantdesk.misspelt"),
          'spec.model.features: "quantdesk.misspelt" can\'t be made with its parameters: Attr'),
    Fault("a set that ends the process", features("quantdesk.leaves"),
          "can't be made with its parameters: SystemExit: no licence"),
    Fault("a family that raises when it is made",
          {"model": {**OWN, "custom": {"name": "quantdesk.unmade"}}},
          'spec.model.custom: "quantdesk.unmade" can\'t be made with its parameters: ZeroDivision'),
    Fault("a model of parameters that raises",
          {"model": {**OWN, "custom": {"name": "quantdesk.unmade", "params": {"alpha": 10}}}},
          'spec.model.custom.params: "quantdesk.unmade" raises on them: LookupError: 10'),
    Fault("a column that is not fetched", {"data": {"symbols": ["BTC/USDT"]}},
          'spec.data.columns: "quantdesk.momentum" asks for takerBuyVolume: add it'),
    Fault("the parameters of a family",
          {"model": {**OWN, "custom": {"name": "quantdesk.linear", "params": {"alpha": 0}}}},
          "spec.model.custom.params.alpha: Input should be greater than 0"),
    Fault("those of a blend's member",
          {"model": {**OWN, "family": "blend", "custom": None, "blend": {"members": [
              {"family": "xgboost"},
              {"family": "custom", "custom": {"name": "quantdesk.lines"}}]}}},
          'spec.model.blend.members[1].custom: "quantdesk.lines" is not offered'),
    Fault("those of a target", {"target": {"kind": "quantdesk.sharpe", "params": {"x": 1}}},
          'spec.target.params.x: "quantdesk.sharpe" has parameters'),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=attrgetter("name"))
def test_what_a_run_would_refuse_is_invalid_with_its_field(fault: Fault, tmp_path: Path) -> None:
    code, text = said(tmp_path, "--local", **fault.spec)
    assert code == 64
    assert "invalid " in text
    assert fault.text in text
