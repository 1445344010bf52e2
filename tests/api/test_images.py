"""Which images a repository, folder or registry holds: at the borders of paths, in one spelling."""

import re

import pytest

from clm_api.images import PREFIX_PATTERN, repository, within

DIGEST = "sha256:" + "0" * 64
HELD = [
    ("registry.io/quants/own", "registry.io/quants"),
    ("registry.io/quants/own:1.2", "registry.io/quants"),
    (f"registry.io/quants/own@{DIGEST}", "registry.io/quants"),
    (f"registry.io/quants/own:1.2@{DIGEST}", "registry.io/quants/own"),
    ("registry.io/quants/own:1.2", "registry.io"),
    ("registry.io:5000/own:1", "registry.io:5000"),
    ("own:1", "own"),
    ("docker.io/library/own:1", "docker.io/library"),
]
NOT_HELD = [
    ("a folder that begins alike", "registry.io/quants-evil/x", "registry.io/quants"),
    ("a repository that begins alike", "registry.io/quants/own-evil:1", "registry.io/quants/own"),
    ("a registry that begins alike", "registry.io.evil.com/quants/x", "registry.io"),
    ("another port of the registry", "registry.io:5000/quants/x", "registry.io"),
    ("no port of the registry", "registry.io/quants/x", "registry.io:5000"),
    ("a user before another host", "registry.io/quants@evil.com/x", "registry.io/quants"),
    ("a user and password", "registry.io:quants@evil.com/x", "registry.io"),
    ("a tag with a slash", "registry.io/quants:1/../x", "registry.io/quants"),
    ("a way up", "registry.io/quants/../evil/x", "registry.io/quants"),
    ("a scheme", "https://registry.io/quants/x", "registry.io"),
    ("a host in capitals", "Registry.io/quants/x", "registry.io"),
    ("a repository in capitals", "registry.io/Quants/x", "registry.io/quants"),
    ("an empty part", "registry.io/quants//x", "registry.io/quants"),
    ("a digest that is none", "registry.io/quants/x@sha256:abc", "registry.io/quants"),
    ("a line end", "registry.io/quants/x\n", "registry.io/quants"),
    ("a blank", "registry.io/quants/x y", "registry.io/quants"),
    ("a letter that looks alike", "r\u0435gistry.io/quants/x", "registry.io"),
    ("the folder of another registry", "evil.com/registry.io/quants/x", "registry.io/quants"),
]


@pytest.mark.parametrize(("image", "prefix"), HELD, ids=[image for image, _ in HELD])
def test_it_is_within(image: str, prefix: str) -> None:
    assert within(image, ["other.io", prefix])
    assert not within(image, [])


@pytest.mark.parametrize(
    ("image", "prefix"), [row[1:] for row in NOT_HELD], ids=[row[0] for row in NOT_HELD]
)
def test_it_is_not_within(image: str, prefix: str) -> None:
    assert not within(image, [prefix])


def test_a_star_stands_for_nothing() -> None:
    assert not within("registry.io/quants/x", ["*", "registry.io/*", "registry.io/"])


PREFIXES = {
    "registry.io": True, "registry.io:5000/quants": True, "own": True, "localhost:5000": True,
    "*": False, "": False, "registry.io/": False, "registry.io/own:1": False, "Registry.io": False,
}  # fmt: skip


@pytest.mark.parametrize(("prefix", "good"), PREFIXES.items(), ids=str)
def test_a_prefix_names_no_tag(prefix: str, *, good: bool) -> None:
    assert (re.search(PREFIX_PATTERN, prefix) is not None) == good


def test_the_repository_is_told_without_tag_and_digest() -> None:
    assert repository(f"registry.io:5000/a/b:1@{DIGEST}") == "registry.io:5000/a/b"
