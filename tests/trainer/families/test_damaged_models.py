"""Boosters that can't be read: told by the file's name, before a library chokes on them."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from clm_api.errors import ClmError
from clm_api.families import Family as FamilyName
from tests.trainer.families.fits import family, fitted, parts

FILES = {FamilyName.XGBOOST: "model.ubj", FamilyName.LIGHTGBM: "model.txt"}
both = pytest.mark.parametrize("name", FILES, ids=str)


def refused(name: FamilyName, folder: Path, file: str) -> None:
    with pytest.raises(ClmError, match=rf"^{file} can't be read") as caught:
        family(name).load(folder, parts()[0].names)
    assert caught.value.reason == "ArtifactCorrupt"


@both
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99], ids="the first {:.0%}".format)
def test_a_truncated_model(name: FamilyName, kept: float, tmp_path: Path) -> None:
    fitted(name).save(tmp_path)
    whole = (tmp_path / FILES[name]).read_bytes()
    (tmp_path / FILES[name]).write_bytes(whole[: int(kept * len(whole))])
    refused(name, tmp_path, FILES[name])


@both
def test_one_byte_that_changed(name: FamilyName, tmp_path: Path) -> None:
    fitted(name).save(tmp_path)
    whole = bytearray((tmp_path / FILES[name]).read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / FILES[name]).write_bytes(whole)
    refused(name, tmp_path, FILES[name])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (FamilyName.XGBOOST, "not a model"),
        (FamilyName.XGBOOST, "{}"),
        (FamilyName.LIGHTGBM, "tree\nversion=v9\nnum_class=1\n"),
        (FamilyName.LIGHTGBM, "tree\nversion=v4\n"),
    ],
    ids=["no JSON", "empty JSON", "text of another version", "text without trees"],
)
def test_a_whole_file_that_the_library_does_not_know(
    name: FamilyName, text: str, tmp_path: Path
) -> None:
    fitted(name).save(tmp_path)
    (tmp_path / FILES[name]).write_text(text)
    meta = json.loads((tmp_path / "model.json").read_text())
    meta["sha256"] = sha256(text.encode()).hexdigest()
    (tmp_path / "model.json").write_text(json.dumps(meta))
    refused(name, tmp_path, FILES[name])


@both
@pytest.mark.parametrize("text", ["", "[]", "{}"], ids=["empty", "a list", "no names"])
def test_names_that_are_missing(name: FamilyName, text: str, tmp_path: Path) -> None:
    fitted(name).save(tmp_path)
    (tmp_path / "model.json").write_text(text)
    refused(name, tmp_path, "model.json")
