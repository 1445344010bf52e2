"""Named values of a model in two files: arrays as safetensors, all else as JSON."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from clm_api.errors import ClmError
from clm_api.reasons import Reason

Values = Mapping[str, Any]
ARRAYS_FILE, META_FILE = "model.safetensors", "model.json"
_PLAIN = "biuf"
"""Kinds of arrays that are kept: truth values, whole numbers, floats."""


def kept_values(values: Values) -> Values:
    """Return values as ``read_values`` gives them after ``write_values``.

    Parameters
    ----------
    values
        Arrays and numbers of numpy, and what JSON can say.

    Raises
    ------
    ClmError
        TrainingFailed: a value is neither.
    """
    return {
        name: np.array(value, order="C")[()] if _is_array(name, value) else _plain(name, value)
        for name, value in values.items()
    }


def write_values(folder: Path, meta: Mapping[str, Any], values: Values) -> None:
    """Write what ``kept_values`` returned, and beside it what it belongs to."""
    arrays = {name: np.asarray(v) for name, v in values.items() if _is_array(name, v)}
    plain = {name: value for name, value in values.items() if name not in arrays}
    content = save(arrays)
    (folder / ARRAYS_FILE).write_bytes(content)
    digest = sha256(content).hexdigest()
    said = {**meta, "arrays": sorted(arrays), "values": plain, "sha256": digest}
    (folder / META_FILE).write_text(json.dumps(said))


def read_values(folder: Path, meta: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Read what ``write_values`` wrote.

    Parameters
    ----------
    meta
        What it must agree with.
    names
        Which values there must be.

    Raises
    ------
    ClmError
        ArtifactCorrupt.
    """
    try:
        said = json.loads((folder / META_FILE).read_bytes())
        plain, listed, digest = dict(said["values"]), set(said["arrays"]), said["sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _corrupt(META_FILE, f"can't be read: {error!r}") from error
    for key, expected in meta.items():
        if said.get(key) != expected:
            raise _corrupt(META_FILE, f"the model was trained with other {key} than this run's")
    try:
        content = (folder / ARRAYS_FILE).read_bytes()
        arrays = load(content)
    except (OSError, SafetensorError) as error:
        raise _corrupt(ARRAYS_FILE, f"can't be read: {error}") from error
    if sha256(content).hexdigest() != digest or set(arrays) != listed:
        raise _corrupt(ARRAYS_FILE, f"it is not the one that {META_FILE} tells of")
    found = {**plain, **{name: value[()] for name, value in arrays.items()}}
    if set(found) != set(names):
        raise _corrupt(META_FILE, f"it has {sorted(found)}, not {sorted(names)}")
    return {name: found[name] for name in names}


def _is_array(name: str, value: Any) -> bool:
    if not isinstance(value, np.ndarray | np.generic):
        return False
    if value.dtype.kind not in _PLAIN:
        raise _unkept(name, f"an array of {value.dtype}")
    return True


def _plain(name: str, value: Any) -> Any:
    try:
        same = json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        same = False
    if not same:
        raise _unkept(name, f"of type {type(value).__name__}")
    return value


def _unkept(name: str, what: str) -> ClmError:
    return ClmError(
        Reason.TRAINING_FAILED,
        f"attribute {name} is {what}: a model's files hold arrays of numbers and what JSON can "
        "say; name the parts of it with dots, or write a family with a save of its own",
    )


def _corrupt(file: str, why: str) -> ClmError:
    text = f"{file}: {why}; train a new version, or take the file's version from the store"
    return ClmError(Reason.ARTIFACT_CORRUPT, text[:500])
