"""The state of a live model as bytes: JSON with arrays in base64 and a digest, no code in it."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason

FORMAT = 1
_DTYPES = ("float64", "int64", "float32", "bool", "int32")
Arrays = Mapping[str, NDArray[Any]]


def packed(belongs_to: Mapping[str, Any], arrays: Arrays) -> bytes:
    """Return a state.

    Parameters
    ----------
    belongs_to
        What ``unpacked`` must be told again, word for word.
    """
    state = {
        "format": FORMAT,
        "belongsTo": dict(belongs_to),
        "arrays": {
            name: {
                "dtype": str(array.dtype),
                "shape": list(array.shape),
                "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
            }
            for name, array in sorted(arrays.items())
        },
    }
    return json.dumps({"sha256": _digest(state), "state": state}).encode()


def unpacked(content: bytes, belongs_to: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a state.

    Raises
    ------
    ClmError
        ArtifactCorrupt: it is damaged, or it belongs to another model.
    """
    try:
        whole = json.loads(content)
        state, digest = whole["state"], whole["sha256"]
        if digest != _digest(state):
            raise _corrupt("it is damaged: the sha256 differs")
        if state["format"] != FORMAT:
            raise _corrupt(f"it has format {state['format']}, this trainer reads {FORMAT}")
        own = state["belongsTo"]
        arrays = {name: _array(one) for name, one in state["arrays"].items()}
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _corrupt(f"it is damaged ({type(error).__name__})") from error
    other = [name for name, value in belongs_to.items() if own.get(name) != value]
    if other:
        told = f"its {other[0]} is {own.get(other[0])!r}, the model's {belongs_to[other[0]]!r}"
        raise _corrupt(f"it belongs to another model: {told}")
    return arrays


def _array(told: Mapping[str, Any]) -> NDArray[Any]:
    if told["dtype"] not in _DTYPES:
        raise ValueError(told["dtype"])
    data = base64.b64decode(told["data"], validate=True)
    return np.frombuffer(data, dtype=told["dtype"]).reshape(told["shape"]).copy()


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _corrupt(why: str) -> ClmError:
    text = f"the state of the live model can't be used: {why}; begin with bars, model.live(bars)"
    return ClmError(Reason.ARTIFACT_CORRUPT, text)
