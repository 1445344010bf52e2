"""What the pages say of the repository is so: paths, links, names, targets of make, examples."""

import re
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from clm_api.training_schedule import TrainingScheduleSpec
from tests.support import pages
from tests.support.pages import PAGES
from tests.support.repository import ROOT
from tests.support.schedules import schedule_spec

SOURCES = sorted(ROOT.glob("*/src"))
PACKAGES = sorted(source.name for folder in SOURCES for source in folder.glob("clm_*"))
every_page = pytest.mark.parametrize("page", PAGES, ids=pages.name)


def stale_paths(text: str, folder: Path) -> list[str]:
    """Return the paths that a page of this folder names and that do not exist.

    A path begins with a folder of the repository, of the page, or with a package's name; ``<name>``
    stands for any name.
    """
    roots = [ROOT, folder, *SOURCES]
    known = {entry.name for root in roots for entry in root.iterdir() if entry.is_dir()}
    stale = []
    for found in pages.code(text):
        path = re.sub(r"<[^>]*>", "*", found)
        looks_like_one = re.fullmatch(r"[\w*./-]+", path) and not path.startswith("/")
        if not looks_like_one or not (path.partition("/")[0] in known or path.endswith(".py")):
            continue
        if "/" in path.rstrip("/") or path.endswith((".py", "/")):
            there = any(next(root.glob(path.rstrip("/")), None) for root in roots)
            stale += [] if there or _is_made(path) else [found]
    return stale


def _is_made(path: str) -> bool:
    """Whether git ignores a folder of the path: it comes only when something runs."""
    files = [ROOT / ".gitignore", *ROOT.glob("*/.gitignore")]
    ignored = {line.strip("/") for file in files for line in file.read_text().splitlines()}
    return not ignored.isdisjoint(path.strip("/").split("/"))


def stale_names(text: str) -> list[str]:
    """Return the dotted names of our packages that a page names and that do not exist."""
    found = [one for one in pages.code(text) if re.fullmatch(r"clm_[\w.]*\.\w+(\(\))?", one)]
    return [one for one in found if not _exists(one.removesuffix("()"))]


def _exists(dotted: str) -> bool:
    try:
        resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


def stale_links(text: str, folder: Path) -> list[str]:
    """Return the links that lead to no file, or to no heading of it."""
    return [link for link in pages.links(text) if not _leads_somewhere(link, text, folder)]


def _leads_somewhere(link: str, text: str, folder: Path) -> bool:
    path, _, anchor = link.partition("#")
    target = folder / path
    if not target.exists():
        return False
    return not anchor or anchor in pages.anchors(target.read_text() if path else text)


def stale_targets(text: str) -> list[str]:
    """Return the targets of make that a page calls and that the Makefile does not have."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = [words[0] for words in pages.commands(text, "make") if words]
    return [target for target in called if target not in targets]


@every_page
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert stale_paths(page.read_text(), page.parent) == []


@every_page
def test_every_name_that_a_page_takes_from_the_code_exists(page: Path) -> None:
    assert stale_names(page.read_text()) == []


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    assert stale_links(page.read_text(), page.parent) == []


@every_page
def test_every_target_of_make_that_a_page_calls_exists(page: Path) -> None:
    assert stale_targets(page.read_text()) == []


def parts_of_schedules(text: str) -> list[dict[str, Any]]:
    """Return what the blocks of a page set in the spec of a schedule."""
    fields = {to_camel(name) for name in TrainingScheduleSpec.model_fields}
    blocks = pages.blocks(text, "yaml")
    loaded = [one for block in blocks for one in yaml.safe_load_all(block)]
    whole = [one["spec"] for one in loaded if one.get("kind") == "TrainingSchedule"]
    return whole + [one for one in loaded if set(one) <= fields]


@every_page
def test_every_part_of_a_schedule_on_a_page_is_valid(page: Path) -> None:
    for part in parts_of_schedules(page.read_text()):
        TrainingScheduleSpec.model_validate(schedule_spec(**part))


def test_the_pages_show_parts_of_schedules() -> None:
    shown = {page.name for page in PAGES if parts_of_schedules(page.read_text())}
    assert shown == {"README.md", "data.md", "evaluation.md", "families.md", "lifecycle.md"}


STALE = """
# Rooms
`operator/src/clm_operator/plans/`, `clm_operator/plans/due.py`, `gone.py`, `crds/x-<family>.yaml`,
not `runs/<uid>/manifest.json`, `clm_operator/`, `crds/samples/modelversion-<size>.yaml`, `crds`;
`clm_api.reasons.Reasons`, not `clm_api.reasons.Reason` or `clm_api.reasons.Reason.DATA_GAP`;
[there](README.md), [here](#rooms), [not](GONE.md), [nor](README.md#gone);
`make tests`, not `make test`.
"""


def test_what_a_page_says_wrongly_is_told() -> None:
    assert stale_paths(STALE, ROOT) == [
        "operator/src/clm_operator/plans/",
        "clm_operator/plans/due.py",
        "gone.py",
        "crds/x-<family>.yaml",
    ]
    assert stale_names(STALE) == ["clm_api.reasons.Reasons"]
    assert stale_links(STALE, ROOT) == ["GONE.md", "README.md#gone"]
    assert stale_targets(STALE) == ["tests"]


def rooms(folder: Path) -> list[str]:
    """Return the folders inside a folder that hold anything of ours."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and any(entry.glob("*.*")) and not entry.name.startswith((".", "_"))
    )


def test_the_map_shows_every_folder() -> None:
    text = (ROOT / "docs" / "development.md").read_text()
    ours = [room for room in rooms(ROOT) if not _is_made(f"{room}/")]
    assert [room for room in ours if f"`{room}/" not in text] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_readme_of_a_package_shows_its_folders_and_no_others(package: str) -> None:
    (folder,) = ROOT.glob(f"*/src/{package}")
    project = folder.parents[1]
    shown = re.findall(r"`(\w+)/`", (project / "README.md").read_text())
    there = rooms(folder)
    assert [room for room in there if room not in shown] == []
    assert [room for room in shown if room not in (*there, *rooms(project), *rooms(ROOT))] == []
