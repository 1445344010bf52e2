"""NHITS: forecasts the path of returns by stacks that see, and say, coarse things first."""

from typing import TYPE_CHECKING

from clm_api.families import Family as FamilyName
from clm_api.parameters.neural import NhitsParameters
from clm_trainer.families.neural.family import NeuralFamily
from clm_trainer.own.door import Offer

if TYPE_CHECKING:
    from clm_trainer.families.neural.networks import Network

POOLED_BARS = (24, 6, 1)
"""Bars that each stack pools into one input."""
KNOTS = (1, 3, 6)
"""Points of each stack's forecast; what lies between is interpolated."""


def network(p: NhitsParameters, horizon_bars: int, seed: int) -> "Network":
    """Return an untrained network (Challu et al. 2023) of one block per stack.

    The library takes a ratio of horizon to knots, so at some horizons there are a few more knots.
    """
    from neuralforecast.models.nhits import NHITS

    made: Network = NHITS(
        h=horizon_bars,
        input_size=p.input_bars,
        n_pool_kernel_size=[*POOLED_BARS],
        n_freq_downsample=[max(1, horizon_bars // knots) for knots in KNOTS],
        mlp_units=[[p.hidden_size, p.hidden_size]] * 2,
        dropout_prob_theta=p.dropout,
        random_seed=seed,
    )
    return made


OFFER = Offer(
    NhitsParameters,
    lambda parameters, run: NeuralFamily(
        FamilyName.NHITS, parameters, run.target.horizon_bars, network
    ),
)
