"""What a class of ours keeps never takes the name of what a library's class above it lives by."""

import ast
import importlib
import inspect
import logging
import textwrap
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "crds/src": "clm_api", "operator/src": "clm_operator", "trainer-image/src": "clm_trainer",
    "cli/src": "clm_cli", "tools/cluster": "local_cluster", ".": "tests",
}  # fmt: skip
OURS = tuple(SOURCES.values())
MEANT = frozenset({"close_connection"})
"""What a library asks its heirs to set."""
STATELESS = frozenset({"abc", "builtins", "enum", "typing"})
"""Modules whose classes keep nothing of their own in an instance."""


def kept(written: ast.AST) -> set[str]:
    """Return the names that a class's methods assign on ``self``, but for those they add to."""
    every = list(ast.walk(written))
    added = {id(one.target) for one in every if isinstance(one, ast.AugAssign)}
    stored = [one for one in every if isinstance(getattr(one, "ctx", None), ast.Store)]
    return {
        one.attr
        for one in stored
        if isinstance(one, ast.Attribute) and id(one) not in added
        and isinstance(one.value, ast.Name) and one.value.id == "self"
    }  # fmt: skip


def lives_by(base: type) -> set[str]:
    """Return what a library's class has, and what it keeps in its instances."""
    try:
        return set(vars(base)) | kept(ast.parse(textwrap.dedent(inspect.getsource(base))))
    except (OSError, TypeError):  # written in C
        return set(vars(base))


def clashes(written: ast.ClassDef, names: dict[str, Any]) -> set[str]:
    """Return names that a class and a library's class above it both keep.

    Parameters
    ----------
    names
        What the class's module knows, its bases among them.
    """
    bases = [eval(ast.unparse(base), names) for base in written.bases]
    above = {one for base in bases if isinstance(base, type) for one in base.__mro__}
    packages = {one: one.__module__.split(".", maxsplit=1)[0] for one in above}
    foreign = [one for one, package in packages.items() if package not in STATELESS.union(OURS)]
    return (kept(written) - MEANT) & set[str]().union(*map(lives_by, foreign))


def heirs() -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield every class of ours that has bases and keeps something, with its module's name."""
    for folder, package in SOURCES.items():
        for file in sorted((ROOT / folder / package).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT / folder).with_suffix("").parts)
            for one in ast.walk(ast.parse(file.read_text())):
                if isinstance(one, ast.ClassDef) and one.bases and kept(one):
                    yield module, one


def test_classes_of_ours_leave_their_librarys_names_alone() -> None:
    found = {
        f"{module}.{written.name}": clashes(written, vars(importlib.import_module(module)))
        for module, written in heirs()
    }
    assert len(found) > 5
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("base", "name", "clash"),
    [
        (logging.Handler, "_closed", True),
        (logging.Handler, "_ended", False),
        (threading.Thread, "_target", True),
        (threading.Thread, "run", True),
        (ThreadingHTTPServer, "socket", True),
        (Exception, "args", False),
    ],
    ids=[
        "kept by the base's constructor", "kept by nobody else", "a thread's own",
        "a method that data would hide", "kept by the base's base", "an error's, which keeps none",
    ],
)  # fmt: skip
def test_a_clash_is_found(base: type, name: str, *, clash: bool) -> None:
    text = f"class Ours(Base):\n    def __init__(self):\n        self.{name} = None\n"
    (written,) = ast.parse(text).body
    assert isinstance(written, ast.ClassDef)
    assert clashes(written, {"Base": base}) == ({name} if clash else set())
