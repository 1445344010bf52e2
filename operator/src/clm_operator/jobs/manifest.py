"""A Job whose pod is of CLM's form: closed list of knobs, restricted, without access to the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clm_api import environment
from clm_api.reasons import FINAL_EXIT_CODES
from clm_api.run import RunPod
from clm_api.trust import CA_BUNDLE
from clm_operator.jobs.credentials import Grant
from clm_operator.names import LABEL_PRIORITY, LABEL_QUEUE
from clm_operator.settings import CaBundle, CredentialsMode, Settings

_USER = 65532
_LOGS = {"kubectl.kubernetes.io/default-container": environment.CONTAINER}
_TRUST = "/var/run/clm/store-ca"
_SCRATCH = "/tmp"  # noqa: S108  an emptyDir of the pod's own


@dataclass(frozen=True)
class NewJob:
    """A Job to create, and the credentials without which its pods can't begin."""

    manifest: dict[str, Any]
    grants: tuple[Grant, ...] = ()
    """One for each container; none: its pods take the Secret of the operator's configuration."""
    lent_when_admitted: bool = False
    """Whether it gets no keys while a queue holds it back."""

    @property
    def name(self) -> str:
        """The Job's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True)
class Part:
    """What one container does.

    Parameters
    ----------
    name, image
        The container's.
    command
        Of ``python -m clm_trainer``.
    environment
        Variables by name; those that are None are left out.
    secret_name
        The Secret with its keys to the store; None: the pod's account stands for them.
    mounts
        Beside the scratch folder.
    """

    name: str
    image: str
    command: str
    environment: Mapping[str, str | None]
    secret_name: str | None
    mounts: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Work:
    """What a pod does.

    Parameters
    ----------
    parts
        One after the other; the last one is the pod's main container.
    volumes
        Beside each container's scratch folder.
    """

    parts: Sequence[Part]
    volumes: Sequence[dict[str, Any]] = ()


def manifest(meta: dict[str, Any], pod: RunPod, work: Work, settings: Settings) -> dict[str, Any]:
    """Return a Job that does some work in a pod of CLM's form.

    Parameters
    ----------
    meta
        The Job's metadata.
    """
    labels = meta["labels"]
    # The priority stands without a queue, too: a namespace may have one for all its Jobs.
    places = {LABEL_QUEUE: pod.queue_name, LABEL_PRIORITY: pod.priority_class}
    queue = {label: name for label, name in places.items() if name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta | {"labels": labels | queue},
        "spec": {
            "backoffLimit": pod.backoff_limit,
            "activeDeadlineSeconds": pod.active_deadline_seconds,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "Ignore",
                        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                    },
                    *(
                        {
                            "action": "FailJob",
                            "onExitCodes": {
                                "containerName": part.name,
                                "operator": "In",
                                "values": list(FINAL_EXIT_CODES),
                            },
                        }
                        for part in work.parts
                    ),
                ]
            },
            "template": {
                "metadata": {
                    "labels": settings.trainer.pod_labels | labels,
                    "annotations": settings.trainer.pod_annotations | _LOGS,
                },
                "spec": _pod_spec(pod, work, settings, meta["namespace"]),
            },
        },
    }


def _pod_spec(pod: RunPod, work: Work, settings: Settings, namespace: str) -> dict[str, Any]:
    trainer = settings.trainer
    trust_volumes, trust_mounts = _trust(settings.store.ca_bundle)

    *before, main = work.parts

    def container(part: Part) -> dict[str, Any]:
        return {
            "name": part.name,
            "image": part.image,
            "imagePullPolicy": trainer.image_pull_policy,
            "args": [part.command],
            "env": _environment(part, settings, namespace),
            "envFrom": [{"secretRef": {"name": n}} for n in (part.secret_name,) if n],
            "resources": _resources(pod, gpu=part is main),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [
                {"name": _scratch(part), "mountPath": _SCRATCH},
                *trust_mounts,
                *part.mounts,
            ],
        }

    optional = {
        "nodeSelector": pod.node_selector,
        "tolerations": [t.to_json_dict() for t in pod.tolerations],
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name,
        "imagePullSecrets": [{"name": n} for n in trainer.image_pull_secrets],
        "initContainers": [container(part) for part in before],
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": trainer.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(main)],
        "volumes": [
            *({"name": _scratch(p), "emptyDir": {"sizeLimit": "2Gi"}} for p in work.parts),
            *trust_volumes,
            *work.volumes,
        ],
    } | {key: value for key, value in optional.items() if value}


def _scratch(part: Part) -> str:
    """Return the name of a container's scratch volume; none sees another's.

    What one leaves there, such as compiled code, the next would run with keys of its own.
    """
    return "tmp" if part.name == environment.CONTAINER else f"tmp-{part.name}"


def _trust(bundle: CaBundle | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return volume and mount of the certificates of the store's own authority."""
    if bundle is None:
        return [], []
    items = [{"key": bundle.key, "path": bundle.key}]
    source = (
        {"configMap": {"name": bundle.config_map, "items": items}}
        if bundle.config_map
        else {"secret": {"secretName": bundle.secret, "items": items}}
    )
    mount = {"name": "store-ca", "mountPath": _TRUST, "readOnly": True}
    return [{"name": "store-ca", **source}], [mount]


def _environment(part: Part, settings: Settings, namespace: str) -> list[dict[str, Any]]:
    store, folder = settings.store, settings.store.data_folder(namespace)
    values = {
        **part.environment,
        environment.STORE_URL: store.url,
        environment.DATA_URL: store.address(folder) if folder else None,
        environment.STORE_AMBIENT: "1" if store.credentials is CredentialsMode.AMBIENT else None,
        environment.EXCHANGE_URL: settings.exchange_url,
        environment.EXCHANGE_SHARE: str(settings.exchange_share),
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_REGION": store.region,
        CA_BUNDLE: f"{_TRUST}/{store.ca_bundle.key}" if store.ca_bundle else None,
    }
    uid = {"fieldRef": {"fieldPath": "metadata.uid"}}
    own: list[dict[str, Any]] = [
        {"name": environment.ATTEMPT, "valueFrom": uid},
        *({"name": name, "value": value} for name, value in values.items() if value is not None),
    ]
    names = {one["name"] for one in own}
    return [*(one for one in settings.trainer.extra_env if one["name"] not in names), *own]


def _resources(pod: RunPod, *, gpu: bool) -> dict[str, Any]:
    resources = pod.resources.to_json_dict()
    if gpu and pod.gpu.count:
        limits = {**resources.get("limits", {}), pod.gpu.resource_name: str(pod.gpu.count)}
        resources["limits"] = limits
    return resources
