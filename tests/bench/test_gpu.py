"""The measurement of GPUs says where none is, and its parts work on the CPU."""

import sys

import pytest
from bench import gpu

from clm_trainer import devices
from clm_trainer.testing.subject import holed_rows


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "visible_gpus", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    assert gpu.main() == 1
    assert "no GPU is visible" in capsys.readouterr().err


def test_a_family_is_measured_and_scores_the_same_after_loading() -> None:
    made = gpu.measured("lightgbm", "cpu", holed_rows())
    assert made["equalAfterLoading"] is True
    assert made["seconds"] > 0
