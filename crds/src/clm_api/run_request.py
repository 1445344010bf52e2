"""A message that asks for a run: its JSON schema is ``crds/requests/run.json``."""

from typing import Annotated, Any

from pydantic import Field

from clm_api.base import Model
from clm_api.schedule_status import TOKEN_CHARS

MOST_BYTES = 16384
"""Of a message, however its characters are written."""
_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


class RunRequest(Model):
    """Asks for one run of a TrainingSchedule, under the rules of a run by hand."""

    schedule: Annotated[
        str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=52)
    ]
    """Name of the TrainingSchedule."""
    namespace: Annotated[
        str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)
    ]
    """Its namespace."""
    reason: Annotated[str, Field(max_length=512)] = ""
    """Why; the run says it."""
    token: Annotated[str, Field(min_length=1, max_length=TOKEN_CHARS)]
    """What tells this request from others of the schedule: the same token is one run."""


def schema() -> dict[str, Any]:
    """Return the JSON schema of a message."""
    return {"$schema": _SCHEMA} | RunRequest.model_json_schema()
