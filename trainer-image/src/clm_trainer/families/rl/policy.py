"""A trained policy as plain arrays: scored by numpy, saved without code in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clm_trainer.panel import Floats

Activation = Literal["relu", "tanh"]
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Policy:
    """A network of dense layers with one output per action.

    Parameters
    ----------
    weights, biases
        Of each layer; weights have shape (outputs, inputs).
    """

    activation: Activation
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def preference(self, observed: NDArray[np.float32], short: bool) -> Floats:  # noqa: FBT001
        """Return how much more long is worth than short, or than flat where shorts are not allowed.

        Asked at a flat position of no age: it is a score, not the action that would be taken.

        Parameters
        ----------
        observed
            Features, shape (rows, observed).

        Returns
        -------
        ndarray
            Shape (rows,).
        """
        flat = np.zeros((len(observed), 2))
        inputs = np.concatenate([observed.astype(np.float64), flat], axis=1)
        parts = [self._outputs(inputs[i : i + _ROWS]) for i in range(0, len(inputs), _ROWS)]
        outputs = np.concatenate(parts)
        return outputs[:, 1] - outputs[:, 2 if short else 0]

    def _outputs(self, values: Floats) -> Floats:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            # A sum over each row alone: a matrix product gives other bits for other row counts.
            values = (values[:, None, :] * weight[None]).sum(axis=2) + bias
            if i < last:
                values = np.tanh(values) if self.activation == "tanh" else np.maximum(values, 0)
        return values

    def tensors(self, prefix: str) -> dict[str, Floats]:
        """Return all arrays by name."""
        out = {f"{prefix}.{i}.weight": weight for i, weight in enumerate(self.weights)}
        return out | {f"{prefix}.{i}.bias": bias for i, bias in enumerate(self.biases)}

    @classmethod
    def from_tensors(
        cls, activation: Activation, tensors: dict[str, Floats], prefix: str
    ) -> "Policy":
        """Return the policy that ``tensors`` names.

        Raises
        ------
        KeyError
            A layer has no bias, or there is none.
        """
        count = sum(n.startswith(f"{prefix}.") and n.endswith(".weight") for n in tensors)
        if count == 0:
            raise KeyError(f"{prefix}.0.weight")
        weights = tuple(tensors[f"{prefix}.{i}.weight"] for i in range(count))
        return cls(activation, weights, tuple(tensors[f"{prefix}.{i}.bias"] for i in range(count)))
