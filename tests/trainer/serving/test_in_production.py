"""A bot asks for what is in production, and holds nothing while production is empty."""

import json
from pathlib import Path
from typing import Any

import pytest

import clm_trainer
from clm_api.errors import ClmError
from clm_api.production import ProductionPointer
from clm_trainer.serving.model import ServedModel
from tests.trainer.serving.test_served_model import later_bars, model, run

__all__ = ["model", "run"]

EMPTY: dict[str, Any] = {
    "scheduleUid": "uid", "version": None, "manifest": None, "sha256": None,
    "since": "2026-01-05T12:00:00Z",
}  # fmt: skip


@pytest.fixture
def address(tmp_path: Path) -> Path:
    path = tmp_path / "production" / "trading" / "btc-eth.json"
    path.parent.mkdir(parents=True)
    return path


def names(run: Path, **more: Any) -> dict[str, Any]:
    """Return the pointer to a run, as the operator writes it."""
    import hashlib

    content = (run / "manifest.json").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    said = {"version": "btc-1", "manifest": f"{run}/manifest.json", "sha256": digest}
    return EMPTY | said | more


def test_a_bot_follows_production_and_is_flat_while_it_is_empty(
    run: Path, model: ServedModel, address: Path
) -> None:
    bars = later_bars(model)
    address.write_text(json.dumps(names(run)))
    first = clm_trainer.in_production(f"file://{address}")
    assert first.position(bars) == model.position(bars)
    assert any(first.position(bars).values()), "the case has positions"
    assert first.renewed() is first, "nothing is loaded twice"
    pointer = ProductionPointer.model_validate(EMPTY)
    address.write_text(pointer.model_dump_json(by_alias=True))
    halted = first.renewed()
    assert (halted.model, halted.pointer.version) == (None, None)
    assert halted.position(bars) == {"BTC/USDT": 0.0, "ETH/USDT": 0.0}
    address.write_text(json.dumps(names(run)))
    assert halted.renewed().position(bars) == model.position(bars)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "nothing of it was ever in production"),
        ("{", "is no pointer of this clm"),
        ("other digest", "is not the one that was judged"),
    ],
)
def test_what_is_no_answer(run: Path, address: Path, content: str | None, says: str) -> None:
    if content is not None:
        other = json.dumps(names(run, sha256="0" * 64))
        address.write_text(other if content == "other digest" else content)
    with pytest.raises(ClmError, match=says):
        clm_trainer.in_production(str(address))


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ClmError, match="there is no folder"):
        clm_trainer.in_production(str(tmp_path / "nowhere" / "btc.json"))
    assert not (tmp_path / "nowhere").exists()
