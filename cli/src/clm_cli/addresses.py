"""Where a run's manifest lies: an address, or the name of a ModelVersion."""

from clm_api.layout import MANIFEST


def manifest_of(text: str, namespace: str | None) -> str:
    """Return the address of a manifest; only a name is looked up in the cluster.

    Raises
    ------
    ClusterError
        There is no version of that name, or it has no artifact.
    """
    if "/" in text or text.endswith(MANIFEST):
        return text
    from clm_cli.cluster import Cluster, ClusterError  # a run on disk needs no cluster's client

    status = Cluster(namespace).version(text).status
    if status.artifact is None:
        raise ClusterError(
            f"{text} has no artifact: its phase is {status.phase} "
            f"({status.reason or 'no reason yet'})"
        )
    return status.artifact.uri
