"""The operator's own keys, read anew from the mounted Secret: a rotation needs no restart."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from clm_operator.jobs.credentials import Credentials

if TYPE_CHECKING:
    from obstore.store import S3Credential

FOLDER_VARIABLE = "CLM_STORE_KEYS"
"""Names the folder where the Secret is mounted; without it the AWS_ variables count."""
_FRESH = timedelta(seconds=30)


def own_keys() -> Credentials:
    """Return the keys as they are now; what is missing is empty."""
    return Credentials(_value("AWS_ACCESS_KEY_ID"), _value("AWS_SECRET_ACCESS_KEY"), "")


def provide() -> "S3Credential":
    """Return the keys for a client of objects, which asks again half a minute later."""
    keys = own_keys()
    return {
        "access_key_id": keys.access_key,
        "secret_access_key": keys.secret_key,
        "token": None,
        "expires_at": datetime.now(UTC) + _FRESH,
    }


def _value(name: str) -> str:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return os.environ.get(name, "")
    try:
        return (Path(folder) / name).read_text().strip()
    except OSError:
        return ""
