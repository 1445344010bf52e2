"""Packages of a user's own, installed: files and their dist-info in a folder on the path."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

Files = Mapping[str, str]


def write(folder: Path, files: Files) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


def lay(
    site: Path,
    files: Files,
    entry_points: str,
    *,
    name: str = "quantdesk",
    version: str = "1.0",
    record: bool = False,
) -> None:
    """Write a package and its dist-info; with ``record``, its list of files too."""
    write(site, files)
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(dedent(entry_points))
    if record:
        listed = [*files, f"{info.name}/METADATA", f"{info.name}/RECORD"]
        (info / "RECORD").write_text("".join(f"{one},,\n" for one in listed))


@contextmanager
def on_the_path(*folders: Path) -> Iterator[Callable[[], None]]:
    """Import from folders; yields what forgets the modules that were imported from them."""
    places = [str(folder) for folder in folders]

    def forget() -> None:
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(tuple(places)):
                del sys.modules[name]
        importlib.invalidate_caches()

    sys.path[:0] = places
    forget()
    try:
        yield forget
    finally:
        sys.path[:] = [one for one in sys.path if one not in places]
        forget()
