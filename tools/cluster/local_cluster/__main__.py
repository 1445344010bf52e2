"""A single-node Kubernetes of real components: kind where Docker answers, else without Docker.

  cluster check                    say what would keep this machine from running a cluster
  cluster setup                    install the Debian packages that are missing
  cluster build [NAME...]          build the Go programs that are missing: modules or programs
  cluster provider                 print which kind of cluster this machine gets: kind or local
  cluster up                       start what is not running, wait until the node is Ready
  cluster kueue                    start Kueue in the cluster: Jobs that name a queue wait in it
  cluster status                   list components, node and pods
  cluster image NAME DIR [OPT...]  build DIR's Dockerfile and load the image
  cluster image-minio              make and load the MinIO image
  cluster load TAR...              load image archives (docker or OCI format)
  cluster env                      print the shell lines that select this cluster
  cluster which PROGRAM            print the path of a built program
  cluster down                     stop and forget the cluster; keep binaries and images

Environment: CLUSTER_DIR (state, default .cluster), CLM_CACHE (binaries and images, default
~/.cache/clm), CLUSTER_GPUS (fake nvidia.com/gpu on the node, default 0), CLUSTER_EGRESS=1 (let
pods reach addresses outside the node), CLUSTER_PROVIDER (kind or local).
"""

import os
import sys
from pathlib import Path

from local_cluster import binaries, host, images, kind, local


def provider() -> str:
    """Return ``kind`` where a Docker engine answers, else ``local``."""
    return os.environ.get("CLUSTER_PROVIDER") or ("kind" if kind.docker_answers() else "local")


def check() -> None:
    """Print what is wrong with this machine, and end with 1 if anything is."""
    found = [] if provider() == "kind" else host.problems()
    needed = binaries.KIND if provider() == "kind" else binaries.DEFAULT
    if binaries.missing(needed) and (problem := binaries.problem_with_go()):
        found.append(problem)
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


def main(arguments: list[str]) -> None:
    """Run one command."""
    on_kind = (
        arguments[:1] not in (["build"], ["which"], ["setup"], ["check"]) and provider() == "kind"
    )
    match arguments:
        case ["check"]:
            check()
        case ["setup"]:
            host.install()
        case ["build", *names]:
            binaries.build(tuple(names) or binaries.DEFAULT)
        case ["provider"]:
            print(provider())
        case ["up"]:
            kind.up() if on_kind else local.up()
        case ["down"]:
            kind.down() if on_kind else local.down()
        case ["kueue"]:
            kind.refuse_kueue() if on_kind else local.start_kueue()
        case ["status"]:
            local.status()
        case ["env"]:
            print("\n".join(local.environment_lines()))
        case ["which", name]:
            print(binaries.program(name))
        case ["image", name, directory, *options]:
            target = kind if on_kind else images
            target.build_and_load(name, directory, tuple(options))
        case ["image-minio"]:
            kind.load_minio_image() if on_kind else images.load_minio_image()
        case ["load", *archives] if archives:
            for archive in archives:
                images.load(Path(archive))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
