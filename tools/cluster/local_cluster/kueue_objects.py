"""What Kueue brings to an API server: its own objects, led to a process on this machine.

They come from its Go module. Its Deployment and its configuration stay away: the program runs
beside the API server, which reaches it through services that name this machine.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_cluster import binaries, paths
from local_cluster.shell import run

Raw = dict[str, Any]
NAMESPACE = "kueue-system"
WEBHOOKS, VISIBILITY = "kueue-webhook-service", "kueue-visibility-server"
VISIBLE = tuple(f"apiservice/{v}.visibility.kueue.x-k8s.io" for v in ("v1beta1", "v1beta2"))
SECRET = "kueue-webhook-server-cert"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:kueue-controller-manager"
_MODULE = "sigs.k8s.io/kueue"
_AWAY = ("Deployment", "ConfigMap")
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "Secret", "Service")


def upstream(kubeconfig: Path) -> list[Raw]:
    """Return the objects of the pinned release, rendered once and cached beside the program.

    Parameters
    ----------
    kubeconfig
        Of a running API server: kubectl asks it for the names of kinds.
    """
    cached = binaries.program("kueue").with_name("objects.json")
    if not cached.exists():
        folder = paths.HERE / "tools" / "kueue"
        found = json.loads(run("go", "mod", "download", "-json", _MODULE, cwd=folder))
        text = run(
            "kubectl", "--kubeconfig", kubeconfig, "create", "--dry-run=client", "-o", "json",
            "--validate=false", "-k", Path(found["Dir"]) / "config" / "default",
        )  # fmt: skip
        fresh = cached.with_name(f".objects.{os.getpid()}")
        fresh.write_text(json.dumps(list(_documents(text))))
        fresh.rename(cached)
    return list(json.loads(cached.read_text()))


def led_here(objects: list[Raw], webhook_port: int, visibility_port: int) -> list[Raw]:
    """Return the objects in the order of their making, with addresses on this machine."""
    found = [one for one in objects if _is_wanted(one)]
    for one in found:
        if one["kind"] == "Service":
            # The API server follows an external name, and still asks for the certificate of
            # <service>.<namespace>.svc. Endpoints must not name loopback addresses.
            one["spec"] = {"type": "ExternalName", "externalName": "127.0.0.1"}
        if one["kind"] == "APIService":
            one["spec"]["service"] = {
                "namespace": NAMESPACE, "name": VISIBILITY, "port": visibility_port,
            }  # fmt: skip
        for client in _webhooks(one):
            client["service"]["port"] = webhook_port
    return sorted(found, key=_place)


def configuration(webhook_port: int, visibility_port: int, health: str, certificates: str) -> Raw:
    """Return Kueue's Configuration: Jobs that name a queue are its own, all others are not.

    Parameters
    ----------
    health
        Address of its probes.
    certificates
        Folder in which it waits for its certificates.
    """
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": health},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": webhook_port, "certDir": certificates},
        "visibilityServer": {"bindAddress": "127.0.0.1", "bindPort": visibility_port},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {
            "enable": True,
            "webhookServiceName": WEBHOOKS,
            "webhookSecretName": SECRET,
        },
        "manageJobsWithoutQueueName": False,
        "integrations": {"frameworks": ["batch/job"]},
    }


def _documents(text: str) -> Iterator[Raw]:
    """Read JSON documents that follow one another."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:]


def _is_wanted(one: Raw) -> bool:
    if one["kind"] == "Service":
        return one["metadata"]["name"] in (WEBHOOKS, VISIBILITY)
    return one["kind"] not in _AWAY


def _place(one: Raw) -> int:
    return _FIRST.index(one["kind"]) if one["kind"] in _FIRST else len(_FIRST)


def _webhooks(one: Raw) -> Iterator[Raw]:
    """Yield where an object tells the API server to call Kueue."""
    yield from (hook["clientConfig"] for hook in one.get("webhooks", ()))
    conversion = one.get("spec", {}).get("conversion", {}) if "spec" in one else {}
    if "webhook" in conversion:
        yield conversion["webhook"]["clientConfig"]
