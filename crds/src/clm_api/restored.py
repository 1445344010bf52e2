"""Objects that take the place of lost ones: what of the lost one goes on to count."""

from typing import Annotated

from pydantic import Field

from clm_api import GROUP
from clm_api.base import Instant, StatusModel

RESTORING = f"{GROUP}/restoring"
"""Annotation of a schedule that the operator leaves alone until all of it is back."""


class Restored(StatusModel):
    """The first object in whose place this one stands."""

    uid: Annotated[str, Field(max_length=36)]
    """Its uid: in the store its files lie under it."""
    created: Instant
    """When it was created: intervals count from it, versions are in order by it."""
