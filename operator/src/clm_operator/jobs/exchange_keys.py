"""The exchange key of a schedule, as files in its pods."""

from typing import Any

from clm_api.data_spec import SecretRef

FOLDER = "/var/run/clm/exchange-keys"


def mounted(
    secret_ref: SecretRef | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return volume and mount of the exchange key; the trainer says what is missing in it."""
    if secret_ref is None:
        return [], []
    secret = {
        "secretName": secret_ref.name,
        "items": [{"key": name, "path": name} for name in ("apiKey", "secret")],
        "defaultMode": 0o440,
        "optional": True,
    }
    mount = {"name": "exchange-keys", "mountPath": FOLDER, "readOnly": True}
    return [{"name": "exchange-keys", "secret": secret}], [mount]
