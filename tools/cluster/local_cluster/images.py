"""Images without a registry: built by buildah, kept in the cache, loaded into containerd."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from local_cluster import binaries, paths, shell
from local_cluster.alive import insist
from local_cluster.shell import attempt, say

PAUSE_IMAGE = "localhost/pause:1"
MINIO_IMAGE = "localhost/minio:dev"
BASE_IMAGE, BASE_SUITE = "localhost/python:3", "bookworm"  # bookworm has Python 3.11
_T = TypeVar("_T", str, str | None)


def ctr(*arguments: object, run: Callable[..., _T] = shell.run) -> _T:
    """Run containerd's client in the namespace of Kubernetes."""
    return run("ctr", "--address", paths.SOCKET, "--namespace", "k8s.io", *arguments)


def buildah(*arguments: object, run: Callable[..., _T] = shell.run) -> _T:
    """Run buildah on the store in the cache."""
    store = paths.CACHE / "images"
    return run("buildah", "--root", store / "root", "--runroot", store / "run", *arguments)


def qualified(name: str) -> str:
    """Return the full name that the kubelet looks up for an image name in a pod."""
    registry, slash, _ = name.partition("/")
    if slash and (registry == "localhost" or "." in registry or ":" in registry):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def load(archive: Path) -> None:
    """Load an image archive into containerd."""
    ctr("images", "import", archive)


def load_built(image: str) -> None:
    """Copy an image from buildah's store into containerd's, unless this very image is there."""
    identity = buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", image).strip()
    label = f"clm.dev/id=={identity}"
    if image in shell.lines(ctr("images", "ls", "--quiet", f"labels.{label}", run=attempt)):
        return
    archive = paths.STATE / "image.tar"
    archive.unlink(missing_ok=True)
    buildah("push", image, f"docker-archive:{archive}:{image}")
    load(archive)
    archive.unlink()
    ctr("images", "label", image, label.replace("==", "="))
    say(f"loaded {image}")


def load_pause_image() -> None:
    """Make and load the image that holds every pod's namespaces open."""
    if PAUSE_IMAGE not in shell.lines(ctr("images", "ls", "--quiet")):
        _from_scratch(PAUSE_IMAGE, binaries.program("pause"), "/pause")
        load_built(PAUSE_IMAGE)


def load_minio_image() -> None:
    """Make and load an image with nothing but the static MinIO server."""
    binaries.build(("minio",))
    program = binaries.program("minio")
    marker = f"{MINIO_IMAGE}-{program.parent.name}"
    if buildah("inspect", "--type", "image", marker, run=attempt) is None:
        _from_scratch(MINIO_IMAGE, program, "/usr/bin/minio")
        buildah("tag", MINIO_IMAGE, marker)
    load_built(MINIO_IMAGE)


def _from_scratch(image: str, program: Path, target: str) -> None:
    container = buildah("from", "scratch").strip()
    buildah("copy", container, program, target)
    buildah("config", "--entrypoint", f'["{target}"]', container)
    buildah("commit", "--rm", container, image)


def make_base_image() -> None:
    """Make a stand-in for the public python:3-slim image from Debian packages."""
    if buildah("inspect", "--type", "image", BASE_IMAGE, run=attempt) is not None:
        return
    say(f"making {BASE_IMAGE} from Debian {BASE_SUITE}")
    root = paths.CACHE / "base-image"
    shutil.rmtree(root, ignore_errors=True)
    included = "--include=python3,python3-pip,python3-venv,ca-certificates"
    bootstrap = ["debootstrap", "--variant=minbase", included, BASE_SUITE, root]
    insist(bootstrap, env=shell.environment())
    unneeded = ("cache/apt", "lib/apt/lists")
    shared = ("doc", "man", "locale")
    for path in (*(f"var/{p}" for p in unneeded), *(f"usr/share/{p}" for p in shared)):
        shutil.rmtree(root / path)
        (root / path).mkdir()
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()  # the public image lets pip install system-wide
    (root / "usr/bin/python").symlink_to("python3")
    container = buildah("from", "scratch").strip()
    buildah("copy", container, root, "/")
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    buildah("config", "--env", "LANG=C.UTF-8", "--env", path, "--cmd", "python3", container)
    buildah("commit", "--rm", container, BASE_IMAGE)
    shutil.rmtree(root)


def _identity(name: str) -> str | None:
    form = ("--type", "image", "--format", "{{.FromImageID}}")
    found = buildah("inspect", *form, qualified(name), run=attempt)
    return found.strip() if found else None


def build_and_load(name: str, context: str, options: tuple[str, ...]) -> None:
    """Build a folder's Dockerfile and load the image under the name that pods use.

    The machine's certificate authorities are there during RUN steps only.
    """
    make_base_image()
    command = [
        "build", "--layers", "--isolation", "chroot", "--tag", qualified(name),
        "--build-arg", f"BASE_IMAGE={BASE_IMAGE}", *options,
    ]  # fmt: skip
    if paths.CA_BUNDLE.exists():
        command += ["--volume", f"{paths.CA_BUNDLE}:{paths.CA_BUNDLE}:ro"]
    store = paths.CACHE / "images"
    roots = ("--root", store / "root", "--runroot", store / "run")
    before = _identity(name)
    shell.stream("buildah", *roots, *command, context)
    say(f"built {qualified(name)}")
    if before not in (None, _identity(name)):
        buildah("rmi", before, run=attempt)  # gigabytes that nobody can name any more
    load_built(qualified(name))
