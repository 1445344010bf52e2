"""Parameters of the reinforcement-learning families: policies of flat, long and short."""

from typing import Annotated

from pydantic import Field

from clm_api.base import Model

HiddenUnits = Annotated[int, Field(ge=4, le=512)]
Gamma = Annotated[float, Field(ge=0, le=0.9999)]


class Episodes(Model):
    """What both families share: the environment."""

    step_bars: Annotated[int, Field(ge=1, le=168)] = 4
    """Bars between two decisions."""
    episode_steps: Annotated[int, Field(ge=8, le=10000)] = 180
    """Decisions in an episode."""
    environments: Annotated[int, Field(ge=1, le=1024)] = 64
    """Episodes that run side by side."""
    seeds: Annotated[int, Field(ge=1, le=16)] = 3
    """Policies whose percentiles are averaged; each counts as a trial."""


class RlV2Parameters(Episodes):
    """Parameters of family rl-v2: double DQN."""

    hidden_units: HiddenUnits = 16
    """Width of the two hidden layers; wider networks fit noise."""
    total_steps: Annotated[int, Field(ge=128, le=100000000)] = 60000
    """Environment steps of one seed."""
    buffer_size: Annotated[int, Field(ge=128, le=10000000)] = 200000
    """Transitions kept for replay."""
    batch_size: Annotated[int, Field(ge=8, le=65536)] = 512
    """Transitions per update."""
    steps_per_update: Annotated[int, Field(ge=1, le=100000)] = 64
    """Environment steps between two updates."""
    learning_rate: Annotated[float, Field(ge=0.000001, le=0.1)] = 0.0005
    """Step size of Adam."""
    gamma: Gamma = 0.97
    """Discount per decision."""
    tau: Annotated[float, Field(ge=0.0001, le=1)] = 0.01
    """Share of the online network that each update mixes into the target network."""
    exploration_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the steps over which exploration falls from 1 to ``exploration_final``."""
    exploration_final: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of random actions afterwards."""
    warm_up_steps: Annotated[int, Field(ge=0, le=10000000)] = 5000
    """Steps before the first update."""


class RlV3Parameters(Episodes):
    """Parameters of family rl-v3: PPO."""

    hidden_units: HiddenUnits = 32
    """Width of the two hidden layers of policy and value network each."""
    total_steps: Annotated[int, Field(ge=128, le=100000000)] = 200000
    """Environment steps of one seed."""
    rollout_steps: Annotated[int, Field(ge=8, le=10000)] = 64
    """Steps of each environment between two updates."""
    epochs: Annotated[int, Field(ge=1, le=100)] = 6
    """Passes over a rollout."""
    batch_size: Annotated[int, Field(ge=8, le=65536)] = 2048
    """Transitions per gradient step."""
    learning_rate: Annotated[float, Field(ge=0.000001, le=0.1)] = 0.0003
    """First step size of Adam; it falls to 0 linearly."""
    gamma: Gamma = 0.97
    """Discount per decision."""
    gae_lambda: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Decay of generalised advantage estimation."""
    clip_range: Annotated[float, Field(ge=0.01, le=1)] = 0.2
    """Largest change of an action's probability per update."""
    entropy_coefficient: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Weight of the entropy bonus."""
    max_gradient_norm: Annotated[float, Field(ge=0.01, le=100)] = 0.5
    """Gradients are scaled down to this norm."""
