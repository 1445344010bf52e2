"""Who works in a pod, and with which rights: CLM's image does all, an own one only reads bars."""

from clm_api.data_spec import Refresh
from clm_api.environment import CONTAINER, FETCHER
from clm_api.run import RunPod, RunSpec


def containers_of(pod: RunPod) -> tuple[str, ...]:
    """Return the names of the containers that need keys, in the order in which they work."""
    return (CONTAINER,) if pod.own_image is None else (FETCHER, CONTAINER)


def only_reading(run: RunSpec) -> RunSpec:
    """Return a run as its own image may do it: it reads the bars that were fetched."""
    return run.having(data=run.data.having(refresh=Refresh.NEVER))
