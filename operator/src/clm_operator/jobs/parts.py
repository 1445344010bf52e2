"""The containers of a pod: one, or two where the image is not CLM's.

An own image is not trusted with what runs share, nor with an exchange key. A container of CLM's
own asks the exchange and writes bars before it begins; the two share nothing but a file that says
what was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clm_api import environment
from clm_api.data_spec import SecretRef
from clm_api.run import RunPod
from clm_operator.jobs import exchange_keys
from clm_operator.jobs.manifest import Part, Work

_FOLDER = "/var/run/clm/fetched"
_FILE = f"{_FOLDER}/asked.json"
_VOLUME = "fetched"


@dataclass(frozen=True)
class Told:
    """What a pod is to do.

    Parameters
    ----------
    command
        Of ``python -m clm_trainer``.
    environment
        Variables by name; those that are None are left out.
    reads_fills
        Whether the account's fills are read.
    secret_ref
        The Secret with the exchange key for that.
    """

    command: str
    environment: Mapping[str, str | None]
    reads_fills: bool = False
    secret_ref: SecretRef | None = None


def work_of(pod: RunPod, told: Told, secrets: Mapping[str, str | None]) -> Work:
    """Return what the pod's containers do.

    Parameters
    ----------
    secrets
        The Secret with the keys to the store, by the container's name; None: the account stands
        for them.
    """
    volumes, mounts = exchange_keys.mounted(told.secret_ref if told.reads_fills else None)
    asks = {
        **told.environment,
        environment.EXCHANGE_KEYS: exchange_keys.FOLDER if told.reads_fills else None,
    }
    main = environment.CONTAINER
    if pod.fetch_image is None:
        alone = Part(main, pod.image, told.command, asks, secrets[main], mounts)
        return Work((alone,), volumes)
    shared: dict[str, Any] = {"name": _VOLUME, "mountPath": _FOLDER}
    fetcher = Part(
        environment.FETCHER,
        pod.fetch_image,
        environment.FETCHER,
        asks | {environment.FETCHED: _FILE},
        secrets[environment.FETCHER],
        [*mounts, shared],
    )
    own = Part(
        main,
        pod.image,
        told.command,
        {**told.environment, environment.FETCHED: _FILE},
        secrets[main],
        [shared | {"readOnly": True}],
    )
    handed = {"name": _VOLUME, "emptyDir": {"sizeLimit": "16Mi"}}
    return Work((fetcher, own), [*volumes, handed])
