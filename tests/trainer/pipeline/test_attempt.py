import hashlib
from datetime import UTC, datetime

import pytest

from clm_api.layout import RunLayout
from clm_api.report import Manifest, ManifestData
from clm_trainer.attempt import Attempt

LAYOUT = RunLayout("ns", "ts", "uid")
NOW = datetime(2025, 12, 2, 6, tzinfo=UTC)
FACTS = {
    "image": "i",
    "code_revision": "1",
    "libraries": {},
    "seed": 7,
    "data": ManifestData(from_=NOW, to=NOW, bars=1, gaps=0, sha256="ab" * 32),
    "created_at": NOW,
}


class Objects:
    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def put(self, path: str, content: bytes) -> None:
        self.content[path] = content

    def create(self, path: str, content: bytes) -> bool:
        return self.content.setdefault(path, content) is content


def test_the_manifest_names_size_digest_and_format_of_every_file() -> None:
    objects = Objects()
    attempt = Attempt(objects, LAYOUT, "pod")
    attempt.write_all({"model/model.ubj": b"\x00\x01", "metrics.json": b"{}"})
    assert attempt.commit(**FACTS)
    manifest = Manifest.model_validate_json(objects.content[LAYOUT.manifest])
    for file in manifest.files:
        content = objects.content[f"{LAYOUT.prefix}/{file.path}"]
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert [(f.path, f.format.value) for f in manifest.files] == [
        ("attempts/pod/metrics.json", "json"), ("attempts/pod/model/model.ubj", "ubj"),
    ]  # fmt: skip
    assert list(objects.content)[-1] == LAYOUT.manifest


def test_the_second_attempt_changes_nothing() -> None:
    objects = Objects()
    first, second = Attempt(objects, LAYOUT, "one"), Attempt(objects, LAYOUT, "two")
    for attempt in (first, second):
        attempt.write("metrics.json", b"{}")
    assert first.commit(**FACTS)
    published = objects.content[LAYOUT.manifest]
    assert not second.commit(**FACTS)
    assert objects.content[LAYOUT.manifest] is published


@pytest.mark.parametrize("name", ["model.pkl", "model.pt", "weights"])
def test_a_format_that_may_carry_code_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid FileFormat"):
        Attempt(Objects(), LAYOUT, "pod").write(name, b"")
