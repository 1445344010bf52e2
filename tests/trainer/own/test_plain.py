"""A model's files are data: whatever could carry code is refused before it is stored."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.own.plain import require_plain

ARRAYS = save({"a": np.arange(3.0)})
PLAIN = {
    "model.json": json.dumps({"a": 1}).encode(),
    "model.safetensors": ARRAYS,
    "model.ubj": b"{L\x00",
    "model.txt": b"tree\nversion=v4.",
    "member-0/model.json": b"[]",
}


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("data.pkl", pickle.dumps([1]))
    return content.getvalue()


REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "no file": ({}, "wrote no file"),
    "an ending of pickles": ({"model.pkl": b"1"}, "model.pkl ends in .pkl"),
    "an ending of torch": ({"model.pt": archive()}, "model.pt ends in .pt"),
    "no ending": ({"model": b"1"}, "model ends in nothing"),
    "a page": ({"model.html": b"<p>"}, "model.html ends in .html"),
    "an archive by another name": ({"model.ubj": archive()}, "model.ubj is an archive"),
    "a pickle of protocol 0": ({"model.txt": pickle.dumps({"a": [1]}, 0)}, "is a pickle"),
    "a pickle of protocol 2": ({"model.json": pickle.dumps({"a": 1}, 2)}, "is a pickle"),
    "a pickle of protocol 5": ({"model.ubj": pickle.dumps({"a": 1}, 5)}, "is a pickle"),
    "half of JSON": ({"model.json": b'{"a": '}, "model.json is no json"),
    "half of the header": ({"model.safetensors": ARRAYS[:12]}, "is no safetensors"),
    "an empty file": ({"model.safetensors": b""}, "is no safetensors"),
    "a text of bytes": ({"model.txt": b"\xff\xfe"}, "model.txt is no txt"),
    "no parquet": ({"model.parquet": b"PAR1 and more"}, "is no parquet"),
    "a name with a space": ({"my model.json": b"{}"}, "my model.json has a name with characters"),
    "more files than a manifest lists": (
        {f"{n}.json": b"{}" for n in range(49)},
        "49 files, and a run keeps 48",
    ),
    "a name of CLM's own": ({"percentiles.json": b"{}"}, "has the name of a file that CLM writes"),
}


def test_data_are_plain() -> None:
    require_plain(PLAIN)


@pytest.mark.parametrize(("files", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_data_is_refused(files: dict[str, bytes], says: str) -> None:
    with pytest.raises(ClmError, match=says) as caught:
        require_plain(files)
    assert caught.value.reason is Reason.TRAINING_FAILED
