"""Who owns what: with the owner goes everything that was made for it."""

from typing import Any

from clm_api import API_VERSION


def owned_by(
    kind: str, raw: dict[str, Any], api_version: str = API_VERSION
) -> list[dict[str, Any]]:
    """Return the ownerReferences of an object with that controller; none holds up a deletion."""
    return [
        {
            "apiVersion": api_version,
            "kind": kind,
            "name": raw["metadata"]["name"],
            "uid": raw["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
