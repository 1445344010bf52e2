"""Builders of Kueue's queues."""

from typing import Any

Raw = dict[str, Any]
GPU = "nvidia.com/gpu"
_API = "kueue.x-k8s.io/v1beta2"


def _named(kind: str, name: str, **more: Any) -> Raw:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name}, **more}


def flavor(name: str) -> Raw:
    """Return a ResourceFlavor without node labels: the tests' kubelet has no nodes to choose."""
    return _named("ResourceFlavor", name)


def cluster_queue(name: str, flavor: str, gpus: int = 0, cpus: int = 1000, **more: Any) -> Raw:
    """Return a ClusterQueue for Jobs of all namespaces.

    Parameters
    ----------
    gpus, cpus
        Its quota; there is memory enough.
    more
        Fields of its spec, such as ``preemption``.
    """
    quotas = {"cpu": cpus, "memory": "4Ti", GPU: gpus}
    spec = {
        "namespaceSelector": {},
        "resourceGroups": [
            {
                "coveredResources": list(quotas),
                "flavors": [
                    {
                        "name": flavor,
                        "resources": [
                            {"name": one, "nominalQuota": str(quota)}
                            for one, quota in quotas.items()
                        ],
                    }
                ],
            }
        ],
    }
    return _named("ClusterQueue", name, spec=spec | more)


def local_queue(name: str, namespace: str, cluster_queue: str) -> Raw:
    """Return a LocalQueue."""
    found = _named("LocalQueue", name, spec={"clusterQueue": cluster_queue})
    found["metadata"]["namespace"] = namespace
    return found


def priority_class(name: str, value: int) -> Raw:
    """Return a WorkloadPriorityClass: the higher value goes first."""
    return _named("WorkloadPriorityClass", name, value=value)


PREEMPT: Raw = {"withinClusterQueue": "LowerPriority"}
"""A ClusterQueue's ``preemption``: a higher priority takes the place of a lower one."""
