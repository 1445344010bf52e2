"""How a shell reaches the demo: its namespace, its programs, its store."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster import binaries, paths
from tools.demo import settings
from tools.demo.shell import fail, forwarded, run

_FORWARDED_PORT = 19000


@contextmanager
def store() -> Iterator[dict[str, str]]:
    """Yield the variables that open the demo's store from this machine while the block runs."""
    if settings.DEMO_CONTEXT is None:
        yield variables(endpoint())
        return
    with forwarded(f"{settings.RELEASE}-minio", 9000) as address:
        yield variables(address)


def endpoint() -> str:
    """Return the store's address on this machine."""
    if settings.DEMO_CONTEXT is not None:
        return f"http://127.0.0.1:{_FORWARDED_PORT}"
    local = run(settings.CLUSTER, "provider").strip() == "local"
    return f"http://{paths.NODE_IP if local else '127.0.0.1'}:{settings.STORE_PORT}"


def variables(address: str) -> dict[str, str]:
    """Return the usual variables of an S3 store."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": settings.USER,
        "AWS_SECRET_ACCESS_KEY": settings.PASSWORD,
    }


def write_kubeconfig() -> None:
    """Write the cluster's kubeconfig with the demo's namespace selected."""
    settings.KUBECONFIG.parent.mkdir(parents=True, exist_ok=True)
    context = ["--context", settings.DEMO_CONTEXT] if settings.DEMO_CONTEXT else []
    told = run("kubectl", *context, "config", "view", "--minify", "--flatten", "-o", "json")
    config = json.loads(told)
    for one in config["contexts"]:
        one["context"]["namespace"] = settings.NAMESPACE
    with open(
        settings.KUBECONFIG, "w", opener=lambda path, flags: os.open(path, flags, 0o600)
    ) as file:
        json.dump(config, file, indent=1)


def lines() -> list[str]:
    """Return the shell lines that select the demo."""
    if not settings.KUBECONFIG.exists():
        fail("there is no demo yet: make demo")
    folders = [str(settings.PYTHON.parent)]
    if settings.DEMO_CONTEXT is None:
        folders += [folder for folder in binaries.folders() if Path(folder).is_dir()]
    exports = {"KUBECONFIG": str(settings.KUBECONFIG), **variables(endpoint())}
    path = ":".join(folders)
    return [
        *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
        f'export PATH={shlex.quote(path)}:"$PATH"',
    ]


def dashboard() -> str:
    """Return one shell line that opens the dashboard of the demo, wherever it is typed."""
    script = shlex.quote(str(settings.REPOSITORY / "tools" / "demo" / "env"))
    return f'(eval "$({script})" && clm dashboard --store s3://clm)'
