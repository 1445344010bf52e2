"""Parameters of the neural families: a forecast of the path of returns, global over symbols."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from clm_api.base import Model
from clm_api.rules import Rule, Ruled


class NeuralTraining(Model):
    """What both neural families share: their input, and how they are trained."""

    input_bars: Annotated[int, Field(ge=24, le=720)] = 168
    """Bars that the network sees before each decision; at most the warm-up of the features."""
    learning_rate: Annotated[float, Field(ge=0.00001, le=0.1)] = 0.001
    """Peak of the one-cycle schedule of AdamW."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Decoupled weight decay of AdamW."""
    batch_size: Annotated[int, Field(ge=16, le=16384)] = 512
    """Windows per step."""
    max_steps: Annotated[int, Field(ge=1, le=100000)] = 300
    """Most steps of one seed."""
    validation_every: Annotated[int, Field(ge=1, le=100000)] = 25
    """Steps between two looks at the calibration tail; the best weights are kept."""
    patience_steps: Annotated[int, Field(ge=1, le=100000)] = 75
    """Training ends after so many steps without a better loss on the tail."""
    row_stride: Annotated[int, Field(ge=1, le=168)] = 2
    """Every how many bars a training window is taken."""
    seeds: Annotated[int, Field(ge=1, le=16)] = 3
    """Networks whose percentiles are averaged; each counts as a trial."""


class NhitsParameters(NeuralTraining):
    """Parameters of the NHITS family: three stacks that pool the input by 24, 6 and 1 bars."""

    hidden_size: Annotated[int, Field(ge=4, le=1024)] = 32
    """Width of the two hidden layers of each stack; wider ones fit noise."""
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    """Share of hidden units dropped in training."""


class PatchtstParameters(Ruled, NeuralTraining):
    """Parameters of the PatchTST family: attention over patches of the input."""

    rules: "ClassVar[Sequence[Rule[PatchtstParameters]]]" = (
        Rule(
            "self.hiddenSize % self.heads == 0",
            "hiddenSize is no multiple of heads",
            lambda p: p.hidden_size % p.heads == 0,
        ),
        Rule(
            "self.patchBars <= self.inputBars",
            "patchBars is more than inputBars",
            lambda p: p.patch_bars <= p.input_bars,
        ),
    )

    patch_bars: Annotated[int, Field(ge=2, le=256)] = 24
    """Length of a patch."""
    patch_stride: Annotated[int, Field(ge=1, le=256)] = 12
    """Bars from one patch to the next."""
    hidden_size: Annotated[int, Field(ge=4, le=1024)] = 16
    """Width of the encoder; a multiple of ``heads``."""
    heads: Annotated[int, Field(ge=1, le=64)] = 4
    """Attention heads."""
    layers: Annotated[int, Field(ge=1, le=12)] = 1
    """Encoder layers."""
    feedforward_size: Annotated[int, Field(ge=4, le=4096)] = 32
    """Width of the feed-forward part of a layer."""
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """Share of units dropped in training."""
