"""The same commands on kind, where a Docker engine answers."""

import shutil
import sys

from local_cluster import binaries, images, paths
from local_cluster.shell import attempt, lines, run, say, stream

NAME = "clm"
CONFIG = paths.HERE / "config" / "kind.yaml"


def docker_answers() -> bool:
    """Whether a Docker engine answers, not only its client."""
    return shutil.which("docker") is not None and attempt("docker", "info") is not None


def up() -> None:
    """Create the cluster unless it is there."""
    binaries.build(("kind", "kubectl"))
    if NAME not in lines(run("kind", "get", "clusters")):
        stream("kind", "create", "cluster", "--name", NAME, "--config", CONFIG, "--wait", "120s")
    _write_kubeconfig()
    say("kind cluster is up")


def down() -> None:
    """Delete the cluster."""
    binaries.build(("kind",))
    stream("kind", "delete", "cluster", "--name", NAME)


def refuse_kueue() -> None:
    """End the program with how Kueue gets into a cluster that can run its image."""
    release = f"https://github.com/kubernetes-sigs/kueue/releases/download/{binaries.KUEUE_VERSION}"
    sys.exit(
        "cluster: on kind Kueue runs as its own release does: "
        f"kubectl apply --server-side -f {release}/manifests.yaml"
    )


def build_and_load(name: str, context: str, options: tuple[str, ...]) -> None:
    """Build with Docker and load into the cluster's nodes."""
    stream("docker", "build", "--tag", name, *options, context)
    stream("kind", "load", "docker-image", name, "--name", NAME)


def load_minio_image() -> None:
    """Make and load the MinIO image from the static binary."""
    binaries.build(("minio",))
    folder = binaries.program("minio").parent
    dockerfile = paths.HERE / "config" / "minio.Dockerfile"
    build_and_load(images.MINIO_IMAGE, str(folder), ("--file", str(dockerfile)))


def _write_kubeconfig() -> None:
    paths.KUBECONFIGS.mkdir(parents=True, exist_ok=True)
    target = paths.KUBECONFIGS / "admin"
    target.write_text(run("kind", "get", "kubeconfig", "--name", NAME))
    target.chmod(0o600)
