"""How the networks of neuralforecast are run: as plain torch modules (docs/decisions/0008)."""

import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from clm_trainer.evaluation.positions import PercentileMap

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
    """Use one thread, and leave the process's generators and variables as they were.

    Networks this small only wait for a second thread. Dropout draws from torch's one generator,
    and a network of the library seeds all generators of the process when it is made.
    """
    threads_before = torch.get_num_threads()
    variables = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - it is the one that is seeded
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        torch.set_num_threads(threads_before)
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(variables)
