"""The training of one network: AdamW in one cycle, the best weights on the calibration tail."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.parameters.neural import NeuralTraining
from clm_api.reasons import Reason
from clm_trainer.families.base import interrupted
from clm_trainer.families.neural.networks import Network, forecast
from clm_trainer.families.neural.windows import Examples

GRADIENT_NORM = 1.0
_CHUNK = 4096
"""Windows per look at the tail's loss."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network learns, and what tells how well it did.

    Parameters
    ----------
    learn
        Of the training span.
    tail
        Of the calibration tail.
    """

    learn: Examples
    tail: Examples


@dataclass(frozen=True)
class Watch:
    """How a training is followed and ended.

    Parameters
    ----------
    tell
        Called after each look at the tail, with the steps done and the loss there.
    """

    tell: Callable[[int, float], None]
    should_stop: Callable[[], bool]


def train_network(
    network: Network, lesson: Lesson, p: NeuralTraining, seed: int, device: str, watch: Watch
) -> float:
    """Train in place, then set the best weights; return their loss on the tail.

    Raises
    ------
    ClmError
        Interrupted: the run was told to stop. MetricsRejected: the loss is not a finite number.
    """
    network.to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=p.learning_rate, weight_decay=p.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=p.learning_rate, total_steps=p.max_steps
    )
    draws = np.random.default_rng(seed)
    best_loss, best_step, best = np.inf, 0, _weights(network)
    for step in range(1, p.max_steps + 1):
        if watch.should_stop():
            raise interrupted()
        network.train()
        numbers = draws.integers(len(lesson.learn), size=p.batch_size)
        squares, count = _errors(network, lesson.learn, numbers, device)
        optimizer.zero_grad()
        (squares / count).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        if step % p.validation_every == 0 or step == p.max_steps:
            loss = mean_loss(network, lesson.tail, device)
            watch.tell(step, loss)
            if loss < best_loss:
                best_loss, best_step, best = loss, step, _weights(network)
            elif step - best_step >= p.patience_steps:
                break
    if not np.isfinite(best_loss):
        raise ClmError(
            Reason.METRICS_REJECTED,
            "the loss on the calibration tail was never a finite number: lower learningRate",
        )
    network.load_state_dict(best)
    network.to("cpu").eval()
    return best_loss


def mean_loss(network: Network, tail: Examples, device: str) -> float:
    """Return the mean squared error over all known steps of all paths."""
    network.eval()
    total, known = 0.0, 0.0
    with torch.inference_mode():
        for start in range(0, len(tail), _CHUNK):
            numbers = np.arange(start, min(start + _CHUNK, len(tail)))
            squares, count = _errors(network, tail, numbers, device)
            total, known = total + float(squares), known + float(count)
    return total / known


def _errors(
    network: Network, some: Examples, numbers: NDArray[np.int64], device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sum of squared errors and the number of known steps; holes count for nothing."""
    inputs = torch.from_numpy(some.inputs(numbers)).to(device)
    paths = torch.from_numpy(some.paths[numbers]).to(device)
    known = torch.isfinite(paths)
    error = torch.where(known, forecast(network, inputs) - torch.nan_to_num(paths), 0.0)
    return (error**2).sum(), known.sum()


def _weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
