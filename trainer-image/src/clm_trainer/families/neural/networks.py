"""How the networks of neuralforecast are run: as plain torch modules (docs/decisions/0008)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from clm_api.variables import restored
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.families.torch_state import own_torch_state

Network = torch.nn.Module
_VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")

# Every network that is made would say "Seed set to …".
logging.getLogger("lightning_fabric.utilities.seed").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Member:
    """One trained network, and the percentile map of its forecasts on the calibration tail."""

    network: Network
    ranks: PercentileMap


def forecast(network: Network, inputs: torch.Tensor) -> torch.Tensor:
    """Return the forecast paths of inputs of shape (n, input_bars), shape (n, horizon_bars)."""
    batch = {
        "insample_y": inputs[:, :, None],
        "insample_mask": torch.ones_like(inputs)[:, :, None],
        "futr_exog": None,
        "hist_exog": None,
        "stat_exog": None,
    }
    paths: torch.Tensor = network(batch)[:, :, 0]
    return paths


@contextmanager
def calm() -> Iterator[None]:
    """Use one thread, and leave the process's generators and variables as they were."""
    with restored(_VARIABLES), own_torch_state():
        yield
