"""The operator's configuration: built-in defaults with the mounted file laid over them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from clm_api.base import Model, Quantity
from clm_api.errors import SpecError
from clm_api.families import Family, FamilyParameters
from clm_api.images import PREFIX_PATTERN
from clm_api.layout import RunLayout, data_of, inside, run_address
from clm_api.queueing import QueueName
from clm_api.resolve import deep_merge
from clm_operator.event_settings import EventSettings
from clm_operator.selectors import LabelSelector


def _pod(family: Family) -> dict[str, Any]:
    return {
        "flavour": family.row.flavour,
        "gpu": {"count": 0},
        "resources": {
            "requests": {"cpu": "500m", "memory": family.row.memory},
            "limits": {"memory": "4Gi"},
        },
    }


DEFAULTS: dict[str, Any] = {"families": {family.value: _pod(family) for family in Family}}


EVERY_NAMESPACE = "*"
_GPUS = ("nvidia.com/gpu", "amd.com/gpu")


class CredentialsMode(StrEnum):
    """What a training pod shows the store."""

    STATIC = "Static"
    """The keys of the Secret ``secretName``, the same for all runs."""
    PER_RUN = "PerRun"
    """Keys that the store's STS lends for one run, its objects and its time."""
    AMBIENT = "Ambient"
    """None: the pod's service account stands for a role of the cloud, for the operator too."""


class CaBundle(Model):
    """Where the certificates of the store's own authority lie, in each namespace with pods."""

    config_map: str | None = None
    """Name of a ConfigMap."""
    secret: str | None = None
    """Name of a Secret, instead."""
    key: str = "ca.crt"
    """Its key."""

    @model_validator(mode="after")
    def _one_is_named(self) -> Self:
        if (self.config_map is None) == (self.secret is None):
            raise ValueError("set one of configMap and secret")
        return self


class Sharing(StrEnum):
    """Whose bars, leases and bans a run reads and writes."""

    NAMESPACE = "Namespace"
    """Those of its own namespace: nobody else's runs write what it trains on."""
    CLUSTER = "Cluster"
    """Those of all namespaces: fetched once for all, by runs that trust one another."""


class KeyWidth(StrEnum):
    """The widest access to bars that a run's lent keys may have, where names do not fit."""

    SERIES = "Series"
    """The very series that it trains on."""
    SYMBOL = "Symbol"
    """All series of its symbols."""
    MARKET = "Market"
    """All symbols of its market."""

    @property
    def forms(self) -> int:
        """How many of the forms of access it allows, the narrowest first."""
        return list(KeyWidth).index(self) + 1


class StoreSettings(Model):
    """Where bars and artifacts lie."""

    url: Annotated[str, Field(pattern=r"^(s3|file)://", max_length=512)]
    """``s3://bucket/prefix``."""
    endpoint: str | None = None
    """Address of an S3 server other than Amazon's."""
    region: str = "us-east-1"
    """Region of the bucket."""
    secret_name: str | None = None
    """Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; with credentials Static training
    pods read it too, in every watched namespace. Not with credentials Ambient."""
    ca_bundle: CaBundle | None = None
    """What is trusted beside the system's authorities."""
    credentials: CredentialsMode = CredentialsMode.STATIC
    """What a training pod shows the store."""
    sharing: Sharing = Sharing.CLUSTER
    """Whose bars, leases and bans a run reads and writes."""
    widest_keys: KeyWidth = KeyWidth.MARKET
    """The widest access to bars that lent keys may have; a run that needs more gets none."""
    create_bucket: bool = False
    """Create the bucket at start-up if it is missing."""

    def data_folder(self, namespace: str) -> str:
        """Return the folder of a namespace's bars, leases and bans; empty for the store's root."""
        return data_of(namespace) if self.sharing is Sharing.NAMESPACE else ""

    def address(self, path: str) -> str:
        """Return the address of an object."""
        return inside(self.url.rstrip("/"), path)

    def run_of(self, manifest: str) -> RunLayout | None:
        """Return the run whose manifest has that address; None if it is not in this store."""
        found = run_address(manifest)
        here = found is not None and found.root == self.url.rstrip("/")
        return found.run if found is not None and here else None

    @model_validator(mode="after")
    def _lender_is_known(self) -> Self:
        if self.credentials is CredentialsMode.PER_RUN and self.endpoint is None:
            text = "credentials PerRun: the store at endpoint is asked for them, and none is set"
            raise ValueError(text)
        if (self.credentials is CredentialsMode.AMBIENT) != (self.secret_name is None):
            raise ValueError("secretName: name a Secret, unless credentials is Ambient")
        return self


class AccountSettings(Model):
    """The service account that the operator keeps in every namespace that it serves."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Its labels."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Its annotations, such as a role in a cloud."""


class TrainerSettings(Model):
    """What is common to all training pods."""

    images: Annotated[dict[str, str], Field(min_length=1)]
    """Image by flavour."""
    image_pull_policy: str = "IfNotPresent"
    """When the kubelet pulls."""
    image_pull_secrets: list[str] = Field(default_factory=list)
    """Secrets for the registry."""
    service_account_name: str = "clm-trainer"
    """Service account of the pods; it has no rights."""
    extra_env: list[dict[str, Any]] = Field(default_factory=list)
    """Further variables of the pods, such as proxies; CLM's own win."""
    pod_labels: dict[str, str] = Field(default_factory=dict)
    """Further labels of the pods; CLM's own win."""
    pod_annotations: dict[str, str] = Field(default_factory=dict)
    """Further annotations of the pods."""
    account: AccountSettings | None = None
    """Set where the operator makes the account, because namespaces come and go."""


class MaximumSettings(Model):
    """The most that a schedule may ask for."""

    cpu: Quantity = "64"
    """CPUs."""
    memory: Quantity = "512Gi"
    """Memory."""
    gpu: Annotated[int, Field(ge=0)] = 8
    """GPUs."""


ImagePrefix = Annotated[str, Field(pattern=PREFIX_PATTERN, max_length=255)]


class JobPolicy(Model):
    """What ``spec.job`` of a schedule may say; ``*`` in a list allows everything, but images."""

    images: list[ImagePrefix] = Field(default_factory=list)
    """Registries, folders of them or repositories whose images may train; none forbids own code."""
    priority_classes: list[str] = Field(default_factory=list)
    """PriorityClasses."""
    workload_priority_classes: list[str] = Field(default_factory=list)
    """Kueue's WorkloadPriorityClasses: who goes first in a queue."""
    runtime_classes: list[str] = Field(default_factory=list)
    """RuntimeClasses."""
    tolerations: list[str] = Field(default_factory=lambda: list(_GPUS))
    """Keys of taints."""
    node_selector: list[str] = Field(default_factory=list)
    """Keys of node labels."""
    resource_names: list[str] = Field(default_factory=lambda: list(_GPUS))
    """Extended resources that stand for a GPU."""
    maximum: MaximumSettings = Field(default_factory=MaximumSettings)
    """Sizes."""


class ReplaySettings(Model):
    """Where replay Jobs wait, so that a shadow test does not wait behind training."""

    queue_name: QueueName | None = None
    """Kueue's LocalQueue, in every namespace; absent: that of the run."""
    priority_class: QueueName | None = None
    """Kueue's WorkloadPriorityClass; absent: that of the run."""


class LeaderSettings(Model):
    """The Lease that the one process holds that works, of all of a release."""

    namespace: Annotated[str, Field(min_length=1)]
    """Its namespace."""
    name: Annotated[str, Field(min_length=1)]
    """Its name."""


class Settings(Model):
    """All of the configuration."""

    leader: LeaderSettings | None = None
    """The Lease that the one process holds that works; absent: one of the first namespace."""
    store: StoreSettings
    """Where bars and artifacts lie."""
    trainer: TrainerSettings
    """What is common to all training pods."""
    families: dict[Family, dict[str, Any]]
    """Pod defaults by family, in the shape of ``spec.job``, and the image flavour."""
    job_policy: JobPolicy = Field(default_factory=JobPolicy)
    """What a schedule may ask of its pods."""
    replays: ReplaySettings = Field(default_factory=ReplaySettings)
    """Where replay Jobs wait."""
    events: EventSettings = Field(default_factory=EventSettings)
    """Who is told by events, and who asks by messages."""
    watch_namespaces: list[str] = Field(default_factory=list)
    """Namespaces whose schedules are served; ``*`` alone stands for all."""
    watch_namespace_selector: LabelSelector | None = None
    """Labels of the namespaces whose schedules are served, instead of their names."""
    min_interval_minutes: Annotated[int, Field(ge=1)] = 15
    """Smallest distance of two slots."""
    api_writes_per_second: Annotated[float, Field(gt=0)] = 50.0
    """Budget of writes to the API server."""
    progress_poll_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How often the progress of an active run is read."""
    stall_seconds: Annotated[int, Field(ge=30)] = 900
    """A run that reports no progress for longer is ended."""
    exchange_url: str | None = None
    """Base address of the exchange's API, for proxies."""
    exchange_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of what an exchange allows an address that runs may use."""

    @model_validator(mode="after")
    def _namespaces_are_named_once(self) -> Self:
        named = self.watch_namespaces
        if bool(named) == (self.watch_namespace_selector is not None):
            raise ValueError("set one of watchNamespaces and watchNamespaceSelector")
        if EVERY_NAMESPACE in named and len(named) > 1:
            raise ValueError(f"watchNamespaces: {EVERY_NAMESPACE} stands for all: name no others")
        return self

    @property
    def lease(self) -> LeaderSettings:
        """The Lease; a configuration of before there was one names none."""
        first = "default" if self.clusterwide else self.asked_namespaces[0]
        return self.leader or LeaderSettings(namespace=first, name="clm-operator")

    @property
    def asked_namespaces(self) -> list[str]:
        """The namespaces where the operator has rights of its own; ``*`` alone stands for all."""
        return self.watch_namespaces or [EVERY_NAMESPACE]

    @property
    def clusterwide(self) -> bool:
        """Whether namespaces come and go while the operator runs."""
        return self.asked_namespaces == [EVERY_NAMESPACE]

    def job_defaults(self, family: Family) -> dict[str, Any]:
        """Return the family's pod defaults in the shape of ``spec.job``."""
        return {name: value for name, value in self.families[family].items() if name != "flavour"}

    def pod_defaults(self, model: FamilyParameters) -> dict[str, Any]:
        """Return the pod defaults of a model in the shape of ``RunPod``, image included.

        Raises
        ------
        SpecError
            No image is configured for the model's flavour.
        """
        flavour = self._flavour(model)
        image = self.trainer.images.get(flavour)
        if image is None:
            raise SpecError(
                "spec.model.family",
                f'"{model.family}" needs image flavour "{flavour}", and the operator has none: '
                f"set trainer.images.{flavour} in the chart's values",
            )
        return {"image": image, **self.job_defaults(model.family)}

    def _flavour(self, model: FamilyParameters) -> str:
        """Return the flavour that all parts of a model have, or that of its own family."""
        found = {str(self.families[part.family]["flavour"]) for part in model.parts}
        return found.pop() if len(found) == 1 else str(self.families[model.family]["flavour"])


def load_settings(path: Path) -> Settings:
    """Read the file and lay it over the defaults.

    Raises
    ------
    SpecError
        The file has unknown or impossible values.
    """
    values = yaml.safe_load(path.read_text()) or {}
    try:
        return Settings.model_validate(deep_merge(DEFAULTS, values))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{path}: {field}", first["msg"]) from error
