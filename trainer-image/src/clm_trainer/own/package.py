"""Which packages' code made a model, by digest: another version of it would decide otherwise."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any

from clm_api.errors import ClmError
from clm_api.parameters.own import CustomParameters
from clm_api.reasons import Reason
from clm_api.report import PackageData
from clm_api.run import RunSpec
from clm_trainer.own.door import Group, entries

OURS = "clm-trainer"
"""Its code is known by the hash of its features and by its version."""
_NO_CODE = (".dist-info", ".egg-info", ".data")
_MADE_BY_TOOLS = ("__editable__", "_editable_impl")


def packages_of(run: RunSpec) -> dict[str, PackageData]:
    """Return the packages that offer the run's features, target and families, but CLM's own."""
    found = {}
    for group, name in _offers(run):
        for entry in entries(group).select(name=name):
            if entry.dist is not None and entry.dist.name != OURS:
                found[entry.dist.name] = identity(entry.dist)
    return found


def _offers(run: RunSpec) -> Iterator[tuple[Group, str]]:
    yield "clm.features", run.model.features.set_
    yield "clm.targets", run.target.kind
    for part in run.model.parts:
        told = part.parameters
        name = told.name if isinstance(told, CustomParameters) else part.family.value
        yield "clm.families", name


def require_same(made_of: Mapping[str, PackageData], address: str, image: str) -> None:
    """Refuse to serve a model with other code than that which made it.

    Parameters
    ----------
    made_of
        The manifest's packages.
    address, image
        The manifest's address, and the image of its run, for the error.

    Raises
    ------
    ClmError
        SpecInvalid: a package is not installed. ArtifactCorrupt: its files are others.
    """
    for name, then in made_of.items():
        try:
            now = identity(metadata.distribution(name))
        except metadata.PackageNotFoundError as error:
            raise ClmError(
                Reason.SPEC_INVALID,
                f"{address} was made with {name} {then.version}, which is not installed here: "
                f"install it, or use the image of its run ({image})",
            ) from error
        if now.sha256 != then.sha256:
            raise ClmError(
                Reason.ARTIFACT_CORRUPT,
                f"{address} was made by other code of {name} ({then.version}, "
                f"{then.sha256[:12]}) than the one installed here ({now.version}, "
                f"{now.sha256[:12]}), and it would decide otherwise: install that one, use the "
                f"image of its run ({image}), or train a new version",
            )


def identity(dist: metadata.Distribution) -> PackageData:
    """Return a distribution's version, and the digest of all files of its packages.

    Installed and editable, the same files give the same digest.
    """
    digest = hashlib.sha256()
    for path, file in sorted(_files(dist).items()):
        content = file.read_bytes()
        if path.endswith(".py"):
            content = content.replace(b"\r\n", b"\n")
        digest.update(f"{path}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return PackageData(version=dist.version, sha256=digest.hexdigest())


def _files(dist: metadata.Distribution) -> dict[str, Any]:
    """Return a distribution's files by their path below the folder that is imported from."""
    listed = [path for path in dist.files or () if _is_code(path.parts)]
    files: dict[str, Any] = {path.as_posix(): dist.locate_file(path) for path in listed}
    there = {path: file for path, file in files.items() if file.is_file()}
    return there or dict(_unlisted(dist))


def _is_code(parts: tuple[str, ...]) -> bool:
    name = parts[-1]
    return not (
        ".." in parts
        or "__pycache__" in parts
        or any(part.endswith(_NO_CODE) or part.startswith(".") for part in parts)
        or name.endswith((".pyc", ".pth", "~"))
        or name.startswith(_MADE_BY_TOOLS)
    )


def _unlisted(dist: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Find the files of a distribution that lists none, as an editable one.

    They are those of the modules that it declares, and of the modules beside them that these
    import and no other distribution has.
    """
    waiting = {entry.module.partition(".")[0] for entry in dist.entry_points}
    waiting |= set((dist.read_text("top_level.txt") or "").split())
    beside = {base.parent for top in waiting for base in _bases(top)}
    declared, seen = set(waiting), set[str]()
    while waiting:
        top = waiting.pop()
        seen.add(top)
        bases = [base for base in _bases(top) if base.parent in beside]
        if not bases or (top not in declared and _has_other_owner(top, dist)):
            continue
        for base in bases:
            for file in _below(base):
                yield file.relative_to(base.parent).as_posix(), file
                waiting |= set(_imported(file)) - seen


def _has_other_owner(top: str, dist: metadata.Distribution) -> bool:
    return any(name != dist.name for name in metadata.packages_distributions().get(top, ()))


def _bases(top: str) -> list[Path]:
    """Return the folders of a package, or the file of a module."""
    try:
        spec = util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.has_location and spec.origin else []


def _below(base: Path) -> list[Path]:
    found = [base] if base.is_file() else base.rglob("*")
    return [f for f in found if f.is_file() and _is_code(f.relative_to(base.parent).parts)]


def _imported(file: Path) -> Iterator[str]:
    """Return the top-level names that a program imports."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
