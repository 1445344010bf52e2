"""Start a cluster, install CLM, import real bars, train, judge, show."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from clm_trainer.revision import git_revision
from clm_trainer.storage import Storage
from local_cluster import binaries
from local_cluster.alive import EVERY_S
from tools.demo import access, settings
from tools.demo.shell import Pulse, fail, kubectl, run, show, use, work

Raw = dict[str, Any]
_CLM = settings.REPOSITORY / ".venv" / "bin" / "clm"


def main(arguments: list[str]) -> None:
    """Run the demo, print how to reach it, or remove it."""
    match arguments:
        case ["clean"]:
            clean()
        case ["env"]:
            print("\n".join(access.lines()))
        case _:
            demonstrate()


def demonstrate() -> None:
    """From the cluster to the verdict."""
    started = time.monotonic()
    if settings.DEMO_CONTEXT is None:
        prepare_cluster()
    install()
    access.write_kubeconfig()
    with access.store() as store:
        for symbol, path in settings.BARS.items():
            work(
                f"import four years of real hourly bars of {symbol}",
                _CLM, "data", "import", path, "--symbol", symbol, "--store", "s3://clm", env=store,
            )  # fmt: skip
        versions = train()
        for version in versions:
            fetch_report(version, store)
    tell(versions, time.monotonic() - started)


def prepare_cluster() -> None:
    """Bring up kind or the local cluster, and put the images into it."""
    provider = run(settings.CLUSTER, "provider").strip()
    if provider == "local":
        show(settings.CLUSTER, "setup")
    show(settings.CLUSTER, "build", *(binaries.KIND if provider == "kind" else binaries.DEFAULT))
    work(f"start the cluster ({provider})", settings.CLUSTER, "up")
    use(run(settings.CLUSTER, "env"))
    image = (settings.CLUSTER, "image")
    work(
        "build and load the operator's image",
        *image, settings.OPERATOR_IMAGE, ".", "--file", "Dockerfile.operator",
    )  # fmt: skip
    for flavour, name in settings.TRAINER_IMAGES.items():
        work(
            f"build and load the trainer's image ({flavour})",
            *image, name, ".", "--file", "Dockerfile.trainer", "--build-arg", f"FLAVOUR={flavour}",
            "--build-arg", f"GIT_REVISION={git_revision()}",
        )  # fmt: skip
    work("load MinIO's image", settings.CLUSTER, "image-minio")


def install() -> None:
    """Install the chart with MinIO into a namespace under Pod Security restricted."""
    values = {"minio.enabled": "true"}
    if settings.DEMO_CONTEXT is None:
        values["minio.nodePort"] = str(settings.STORE_PORT)
    if settings.DEMO_CONTEXT is None:
        values |= _image("operator.image", settings.OPERATOR_IMAGE)
        for flavour, image in settings.TRAINER_IMAGES.items():
            values |= _image(f"trainer.images.{flavour}", image)
        values |= _image("minio.image", "localhost/minio:dev")
    elif settings.DEMO_REGISTRY:
        values["operator.image.repository"] = f"{settings.DEMO_REGISTRY}/clm-operator"
        for flavour in settings.FLAVOURS:
            repository = f"{settings.DEMO_REGISTRY}/clm-trainer"
            values[f"trainer.images.{flavour}.repository"] = repository
    else:
        fail("DEMO_CONTEXT is set: set DEMO_REGISTRY too, where that cluster pulls the images from")
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": settings.NAMESPACE,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    context = ["--kube-context", settings.DEMO_CONTEXT] if settings.DEMO_CONTEXT else []
    path = settings.REPOSITORY / "artifacts" / "demo" / "namespace.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(namespace))
    kubectl("apply", "-f", path)
    _end_what_was_interrupted(context)
    pairs = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    work(
        "install the chart, wait until it is ready",
        "helm", *context, "upgrade", "--install", settings.RELEASE, "charts/clm",
        "-n", settings.NAMESPACE, *pairs, "--wait", "--timeout", "180s", look=_pods,
    )  # fmt: skip


def _end_what_was_interrupted(context: list[str]) -> None:
    """Free a release that a demo which was stopped has left in the middle of its installation."""
    place = [*context, "-n", settings.NAMESPACE]
    found = json.loads(run("helm", *place, "list", "--pending", "-o", "json"))
    for release in found:
        verb = "uninstall" if release["status"] == "pending-install" else "rollback"
        work(
            f"the last demo was stopped in the middle: {verb} its release",
            "helm", *place, verb, release["name"], "--wait",
        )  # fmt: skip


def _pods() -> str:
    """Say what the release's pods are doing: the sign of life of an installation."""
    rows = [row.split() for row in kubectl("get", "pods", "--no-headers").splitlines()]
    return ", ".join(f"{row[0]} {row[2]}" for row in rows) or "no pods yet"


def _image(key: str, name: str) -> dict[str, str]:
    repository, tag = name.rsplit(":", 1)
    return {f"{key}.repository": repository, f"{key}.tag": tag}


def train() -> list[Raw]:
    """Apply the schedules, or ask each for one more run, and wait for the verdicts."""
    before = {item["metadata"]["name"] for item in _versions()}
    kubectl("apply", "-f", settings.MANIFEST)
    names = [doc["metadata"]["name"] for doc in yaml.safe_load_all(settings.MANIFEST.read_text())]
    if before:
        token = f"demo-{int(time.time())}"
        kubectl("annotate", "tsched", *names, f"clm.dev/run-now={token}", "--overwrite")
    print("train, backtest and judge, each in a Job of its own")
    deadline, pulse = time.monotonic() + settings.PATIENCE_S, Pulse(EVERY_S)
    while time.monotonic() < deadline:
        newest = {
            item["spec"]["scheduleRef"]["name"]: item
            for item in _versions()
            if item["metadata"]["name"] not in before
        }
        for name in names:
            pulse.tell(name, _progress(newest[name]) if name in newest else "Pending      0 %")
        ended = [newest[name] for name in names if name in newest and _ended(newest[name])]
        if len(ended) == len(names):
            return ended
        time.sleep(1)
    return fail(
        f"no verdict after {settings.PATIENCE_S} s: kubectl -n {settings.NAMESPACE} get mv,pods"
    )


def _ended(version: Raw) -> bool:
    status = version.get("status", {})
    if status.get("phase") == "Failed":
        name = version["metadata"]["name"]
        fail(f"{name} failed: {status.get('reason')}: {status.get('message')}")
    return bool(status.get("phase") == "Succeeded")


def _progress(version: Raw) -> str:
    status = version.get("status", {})
    progress = status.get("progress", {})
    line = f"{status.get('phase', 'Pending'):<10} {progress.get('percent', 0):3d} %  "
    return line + str(progress.get("message") or status.get("reason", ""))


def _versions() -> list[Raw]:
    found = json.loads(kubectl("get", "mv", "-o", "json", "--sort-by=.metadata.creationTimestamp"))
    return list(found["items"])


def fetch_report(version: Raw, store: dict[str, str]) -> None:
    """Copy the tear sheet to this machine."""
    os.environ.update(store)
    bucket = "s3://clm"
    path = version["status"]["reportUri"].removeprefix(f"{bucket}/")
    content = Storage(bucket).get(path)
    if content is None:
        fail(f"the report is not in the store any more: {version['status']['reportUri']}")
    _report(version).write_bytes(content)


def _report(version: Raw) -> Path:
    return settings.REPORTS / f"{version['spec']['scheduleRef']['name']}.html"


def tell(versions: list[Raw], seconds: float) -> None:
    """Print what came out and how to go on."""
    print()
    print(kubectl("get", "tsched,mv"))
    for version in versions:
        status = version["status"]
        print(f"{version['metadata']['name']}: {status['stage']} ({status['reason']})")
        for verdict in status["criteria"]:
            print(f"  {verdict['verdict']:<7} {verdict['message']}")
        print(f"  report  {_report(version)}")
    print(f"\ndone in  {seconds:.0f} s\n")
    name = versions[0]["metadata"]["name"]
    print(f'go on    eval "$({settings.REPOSITORY}/tools/demo/env)"')
    if settings.DEMO_CONTEXT is not None:
        context = f"--context {settings.DEMO_CONTEXT} -n {settings.NAMESPACE}"
        port = access.endpoint().rpartition(":")[2]
        print(f"         kubectl {context} port-forward service/clm-minio {port}:9000 &")
    print(f"         clm status, clm predict {name}, kubectl describe mv {name}")
    print(f"look at  {access.dashboard()}")
    print("clean up make demo-clean")


def clean() -> None:
    """Take down the demo's cluster, or the release in somebody else's."""
    settings.KUBECONFIG.unlink(missing_ok=True)
    if settings.DEMO_CONTEXT is None:
        show(settings.CLUSTER, "down")
        return
    run(
        "helm",
        "--kube-context",
        settings.DEMO_CONTEXT,
        "uninstall",
        settings.RELEASE,
        "-n",
        settings.NAMESPACE,
    )
    kubectl("delete", "namespace", settings.NAMESPACE)


if __name__ == "__main__":
    main(sys.argv[1:])
