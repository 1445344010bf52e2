"""Start a cluster, install CLM, import real bars, train, judge, show."""

import json
import os
import sys
import time
from typing import Any

from clm_trainer.storage import Storage
from tools.demo import settings
from tools.demo.shell import fail, forwarded, kubectl, run, show, step, use

_CLM = settings.REPOSITORY / ".venv" / "bin" / "clm"


def main(arguments: list[str]) -> None:
    """Run the demo, or remove it."""
    if arguments == ["clean"]:
        clean()
        return
    started = time.monotonic()
    if settings.DEMO_CONTEXT is None:
        prepare_cluster()
    install()
    with forwarded(f"{settings.RELEASE}-minio", 9000) as endpoint:
        store = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": settings.USER,
            "AWS_SECRET_ACCESS_KEY": settings.PASSWORD,
        }
        with step("import four years of real hourly bars"):
            for symbol, path in settings.BARS.items():
                run(
                    _CLM, "data", "import", path, "--symbol", symbol, "--store", "s3://clm", **store
                )
        version = train()
        fetch_report(version, store)
    tell(version, time.monotonic() - started)


def prepare_cluster() -> None:
    """Bring up kind or the local cluster, and put the images into it."""
    provider = run(settings.CLUSTER, "provider").strip()
    if provider == "local":
        with step("install missing system packages"):
            run(settings.CLUSTER, "setup")
    print(f"programs of the cluster ({provider}; built once, then cached)")
    extra = ("kind",) if provider == "kind" else ()
    show(settings.CLUSTER, "build", "kubernetes", "etcd", "coredns", "helm", "minio", *extra)
    with step(f"start the cluster ({provider})"):
        run(settings.CLUSTER, "up")
    use(run(settings.CLUSTER, "env"))
    with step("build and load the operator's image"):
        run(
            settings.CLUSTER, "image", settings.OPERATOR_IMAGE, ".", "--file", "Dockerfile.operator"
        )
    with step("build and load the trainer's image"):
        run(
            settings.CLUSTER,
            "image",
            settings.TRAINER_IMAGE,
            ".",
            "--file",
            "Dockerfile.trainer",
            "--build-arg",
            "FLAVOUR=boosting",
        )
    with step("load MinIO's image"):
        run(settings.CLUSTER, "image-minio")


def install() -> None:
    """Install the chart with MinIO into a namespace under Pod Security restricted."""
    values = {"minio.enabled": "true"}
    if settings.DEMO_CONTEXT is None:
        values |= _image("operator.image", settings.OPERATOR_IMAGE)
        values |= _image("trainer.images.boosting", settings.TRAINER_IMAGE)
        values |= _image("minio.image", "localhost/minio:dev")
    elif settings.DEMO_REGISTRY:
        values["operator.image.repository"] = f"{settings.DEMO_REGISTRY}/clm-operator"
        values["trainer.images.boosting.repository"] = f"{settings.DEMO_REGISTRY}/clm-trainer"
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
    with step("install the chart, wait until it is ready"):
        kubectl("apply", "-f", path)
        pairs = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
        run(
            "helm",
            *context,
            "upgrade",
            "--install",
            settings.RELEASE,
            "charts/clm",
            "-n",
            settings.NAMESPACE,
            *pairs,
            "--wait",
            "--timeout",
            "180s",
        )


def _image(key: str, name: str) -> dict[str, str]:
    repository, tag = name.rsplit(":", 1)
    return {f"{key}.repository": repository, f"{key}.tag": tag}


def train() -> dict[str, Any]:
    """Apply the schedule, or ask for one more run, and wait for the verdict."""
    before = {item["metadata"]["name"] for item in _versions()}
    kubectl("apply", "-f", settings.MANIFEST)
    if before:
        token = f"demo-{int(time.time())}"
        kubectl("annotate", "tsched", settings.SCHEDULE, f"clm.dev/run-now={token}", "--overwrite")
    print("train, backtest and judge in a Job of its own")
    deadline, shown = time.monotonic() + settings.PATIENCE_S, ""
    while time.monotonic() < deadline:
        fresh = [item for item in _versions() if item["metadata"]["name"] not in before]
        status = fresh[-1].get("status", {}) if fresh else {}
        progress = status.get("progress", {})
        line = f"  {status.get('phase', 'Pending'):<10} {progress.get('percent', 0):3d} %  "
        line += progress.get("message") or status.get("reason", "")
        if line != shown:
            shown = line
            print(line, flush=True)
        if status.get("phase") in ("Succeeded", "Failed"):
            if status["phase"] == "Failed":
                fail(f"the run failed: {status.get('reason')}: {status.get('message')}")
            return dict(fresh[-1])
        time.sleep(1)
    return fail(
        f"no verdict after {settings.PATIENCE_S} s: kubectl -n {settings.NAMESPACE} get mv,pods"
    )


def _versions() -> list[dict[str, Any]]:
    found = json.loads(kubectl("get", "mv", "-o", "json", "--sort-by=.metadata.creationTimestamp"))
    return list(found["items"])


def fetch_report(version: dict[str, Any], store: dict[str, str]) -> None:
    """Copy the tear sheet to this machine."""
    os.environ.update(store)
    bucket = "s3://clm"
    path = version["status"]["reportUri"].removeprefix(f"{bucket}/")
    content = Storage(bucket).get(path)
    if content is None:
        fail(f"the report is not in the store any more: {version['status']['reportUri']}")
    settings.REPORT.write_bytes(content)


def tell(version: dict[str, Any], seconds: float) -> None:
    """Print what came out and how to go on."""
    print()
    print(kubectl("get", "tsched,mv"))
    for verdict in version["status"]["criteria"]:
        print(f"  {verdict['verdict']:<7} {verdict['message']}")
    status = version["status"]
    print(f"\n{version['metadata']['name']}: {status['stage']} ({status['reason']})")
    print(f"report   {settings.REPORT}")
    print(f"done in  {seconds:.0f} s\n")
    if settings.DEMO_CONTEXT is None:
        print(f'go on    eval "$({settings.CLUSTER.relative_to(settings.REPOSITORY)} env)"')
    print(f"         kubectl -n {settings.NAMESPACE} describe mv {version['metadata']['name']}")
    print("clean up make demo-clean")


def clean() -> None:
    """Take down the demo's cluster, or the release in somebody else's."""
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
