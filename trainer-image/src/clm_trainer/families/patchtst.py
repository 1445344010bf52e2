"""PatchTST: forecasts the path of returns by attention over patches of the closes."""

from typing import TYPE_CHECKING

from clm_api.families import Family as FamilyName
from clm_api.parameters.neural import PatchtstParameters
from clm_trainer.families.neural.family import NeuralFamily
from clm_trainer.own.door import Offer

if TYPE_CHECKING:
    from clm_trainer.families.neural.networks import Network


def network(p: PatchtstParameters, horizon_bars: int, seed: int) -> "Network":
    """Return an untrained network (Nie et al. 2023).

    Its own normalisation is off: inputs are in units of volatility, and their size tells something.
    """
    from neuralforecast.models.patchtst import PatchTST

    made: Network = PatchTST(
        h=horizon_bars,
        input_size=p.input_bars,
        patch_len=p.patch_bars,
        stride=p.patch_stride,
        hidden_size=p.hidden_size,
        n_heads=p.heads,
        encoder_layers=p.layers,
        linear_hidden_size=p.feedforward_size,
        dropout=p.dropout,
        revin=False,
        random_seed=seed,
    )
    return made


OFFER = Offer(
    PatchtstParameters,
    lambda parameters, run: NeuralFamily(
        FamilyName.PATCHTST, parameters, run.target.horizon_bars, network
    ),
)
