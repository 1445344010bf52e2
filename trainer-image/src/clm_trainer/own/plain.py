"""What a model's files may hold: data in a format that can carry no code."""

import json
import pickletools
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.report import FileFormat

MODEL_FORMATS = (FileFormat.JSON, FileFormat.PARQUET, FileFormat.UBJ, FileFormat.TXT,
                 FileFormat.SAFETENSORS)  # fmt: skip
PERCENTILES_FILE = "percentiles.json"
"""CLM writes it beside the model's files."""
MOST_FILES = 48
"""A manifest lists 64 files, those of the run among them."""
_NAME = re.compile(r"[A-Za-z0-9._/-]+")
_ARCHIVE, _PARQUET, _OPCODE = b"PK\x03\x04", b"PAR1", b"\x80"


def require_plain(files: Mapping[str, bytes]) -> None:
    """Check the files that a model wrote, by their path below its folder.

    Raises
    ------
    ClmError
        TrainingFailed: it wrote none, or too many; or one is in no format that a model may have,
        holds a pickle or an archive, is not what its name says, or has the name of a file of CLM's
        own or one that a store may not take.
    """
    if not files:
        raise ClmError(Reason.TRAINING_FAILED, "the model wrote no file, so it can't be loaded")
    if len(files) > MOST_FILES:
        text = f"the model wrote {len(files)} files, and a run keeps {MOST_FILES} of a model"
        raise ClmError(Reason.TRAINING_FAILED, text)
    for name, content in files.items():
        why = _wrong(PurePosixPath(name), content)
        if why is not None:
            known = ", ".join(MODEL_FORMATS)
            raise ClmError(
                Reason.TRAINING_FAILED,
                f"the model's file {name} {why}: write {known}; arrays belong into safetensors",
            )


def _wrong(path: PurePosixPath, content: bytes) -> str | None:
    ending = path.suffix.removeprefix(".")
    if path.as_posix() == PERCENTILES_FILE:
        return "has the name of a file that CLM writes itself"
    if _NAME.fullmatch(path.as_posix()) is None:
        return "has a name with characters besides letters, digits and . _ - /"
    if ending not in MODEL_FORMATS:
        return f"ends in {path.suffix or 'nothing'}, which a model may not have"
    if content.startswith(_ARCHIVE):
        return "is an archive, in which a pickle may hide"
    if _is_pickle(content):
        return "is a pickle, which may run any code when it is read"
    if not _IS.get(ending, bool)(content):
        return f"is no {ending}"
    return None


def _is_pickle(content: bytes) -> bool:
    if content[:1] == _OPCODE:
        return True
    if content[-1:] != b".":
        return False
    try:
        for _ in pickletools.genops(content):
            pass
    except Exception:  # noqa: BLE001 - whatever it chokes on, a pickle it is not
        return False
    return True


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _is_safetensors(content: bytes) -> bool:
    if len(content) < 8:
        return False
    (length,) = struct.unpack("<Q", content[:8])
    return 8 + length <= len(content) and _is_json(content[8 : 8 + length])


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


_IS: dict[str, Callable[[bytes], object]] = {
    FileFormat.JSON.value: _is_json,
    FileFormat.SAFETENSORS.value: _is_safetensors,
    FileFormat.TXT.value: _is_text,
    FileFormat.PARQUET.value: lambda content: content[:4] == content[-4:] == _PARQUET,
    FileFormat.UBJ.value: lambda content: content[:1] == b"{",
}
