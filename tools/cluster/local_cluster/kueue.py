"""A real Kueue beside an API server: one process on this machine, without an image or a pod.

It acts as its own service account, by a client certificate of that name, so that it has the rights
of its release and no others. It runs in a root folder of its own: the certificate of its visibility
API always lies in /visibility.
"""

import base64
import json
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from local_cluster import binaries, kueue_objects
from local_cluster.kueue_objects import ACCOUNT, NAMESPACE, SECRET, VISIBLE
from local_cluster.pki import Authority
from local_cluster.processes import Processes, answers
from local_cluster.shell import attempt, run

_NAME = "kueue"
_CERTIFICATES = ("ca.crt", "tls.key", "tls.crt")
"""It waits for the last one."""
_PROBE = {
    "apiVersion": "kueue.x-k8s.io/v1beta2",
    "kind": "ResourceFlavor",
    "metadata": {"name": "probe"},
}


@dataclass(frozen=True)
class Ports:
    """Where it listens on this machine."""

    webhook: int
    visibility: int
    health: int


@dataclass(frozen=True)
class Kueue:
    """Kueue for one API server.

    Parameters
    ----------
    folder
        What it sees as its root.
    server, kubeconfig
        The API server's address, and the administrator's kubeconfig.
    authority
        Who signs the certificates of clients.
    """

    folder: Path
    server: str
    kubeconfig: Path
    authority: Authority
    processes: Processes
    ports: Ports

    @property
    def is_installed(self) -> bool:
        """Whether its objects are in the API server."""
        return (self.folder / "installed").exists()

    def start(self) -> None:
        """Install it unless it is, and wait until it answers; as often as it was stopped."""
        binaries.build((_NAME,))
        if not self.is_installed:
            self._furnish()
            self._install()
        started = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.processes.start(
            _NAME,
            ["unshare", *started, f"--root={self.folder}", f"/{_NAME}",
             "--config=/config.json", "--kubeconfig=/kubeconfig"],
        )  # fmt: skip
        self.processes.wait(_NAME, self._hand_certificates_over)
        health = f"http://127.0.0.1:{self.ports.health}/readyz"
        self.processes.wait(_NAME, partial(answers, health, self.authority.folder / "ca.crt"))
        self.processes.wait(_NAME, self._is_asked)
        self._kubectl("wait", "--for=condition=Available", "--timeout=60s", *VISIBLE)

    def stop(self) -> None:
        """End the process. Its objects stay: without it the API server takes no Job and no pod."""
        self.processes.stop(_NAME)

    def _furnish(self) -> None:
        """Put into its root what it needs there."""
        for name in ("certificates", "visibility"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        shutil.copy(binaries.program(_NAME), self.folder / _NAME)
        config = kueue_objects.configuration(
            self.ports.webhook, self.ports.visibility,
            f"127.0.0.1:{self.ports.health}", "/certificates",
        )  # fmt: skip
        (self.folder / "config.json").write_text(json.dumps(config))
        (self.folder / "probe.json").write_text(json.dumps(_PROBE))
        self.authority.certificate(_NAME, f"/CN={ACCOUNT}", "clientAuth")
        paths = self.folder / "kubeconfig"
        self.authority.kubeconfig(paths, self.server, _NAME)
        whole = run("kubectl", "--kubeconfig", paths, "config", "view", "--raw", "--flatten")
        paths.write_text(whole)

    def _install(self) -> None:
        found = kueue_objects.led_here(
            kueue_objects.upstream(self.kubeconfig), self.ports.webhook, self.ports.visibility
        )
        bundle: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": found}
        # Server-side: its definitions are too large for the annotation of the other kind.
        self._kubectl(
            "apply", "--server-side", "--field-manager=cluster", "-f", "-", stdin=json.dumps(bundle)
        )
        label = "app.kubernetes.io/name=kueue"
        self._kubectl("wait", "--for=condition=Established", "crd", "-l", label)
        (self.folder / "installed").touch()

    def _hand_certificates_over(self) -> bool:
        """Do what a kubelet does: Kueue writes its Secret and waits for it as files."""
        words = ("-n", NAMESPACE, "get", "secret", SECRET, "-o", "json")
        data = json.loads(self._kubectl(*words)).get("data") or {}
        if not set(_CERTIFICATES) <= set(data):
            return False
        for name in _CERTIFICATES:
            (self.folder / "certificates" / name).write_bytes(base64.b64decode(data[name]))
        return True

    def _is_asked(self) -> bool:
        """Whether the API server reaches its webhooks: they open after it says that it is ready."""
        words = ("create", "--dry-run=server", "-f", self.folder / "probe.json")
        return attempt("kubectl", "--kubeconfig", self.kubeconfig, *words) is not None

    def _kubectl(self, *words: object, stdin: str | None = None) -> str:
        return run("kubectl", "--kubeconfig", self.kubeconfig, *words, stdin=stdin)
