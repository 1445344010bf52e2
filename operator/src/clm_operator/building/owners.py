"""Who owns what a run is made of: with the ModelVersion goes everything else."""

from typing import Any

from clm_api import API_VERSION
from clm_operator.snapshot import Version


def owned_by(version: Version) -> list[dict[str, Any]]:
    """Return the ownerReferences of an object that a version controls."""
    return [
        {
            "apiVersion": API_VERSION,
            "kind": "ModelVersion",
            "name": version.name,
            "uid": version.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
