"""Who owns what: with the owner goes everything that was made for it."""

from collections.abc import Mapping
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


def is_leaving(raw: dict[str, Any], owners: Mapping[tuple[str, str], str]) -> bool:
    """Whether an object is being deleted, or will be: what owned it has made way for a namesake.

    Parameters
    ----------
    owners
        Uids of what exists, by kind and name.
    """
    if "deletionTimestamp" in raw["metadata"]:
        return True
    return any(
        owners.get((owner["kind"], owner["name"]), owner["uid"]) != owner["uid"]
        for owner in raw["metadata"].get("ownerReferences", ())
        if owner.get("controller")
    )
