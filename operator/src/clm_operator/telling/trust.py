"""What a client of a sink trusts and shows."""

import ssl
from pathlib import Path


def context(ca_file: str | None, shown: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and those of a file.

    Parameters
    ----------
    shown
        Folder that may hold ``tls.crt`` and ``tls.key``: the client's own certificate.

    Raises
    ------
    OSError
        A file is missing, or holds no certificate.
    """
    made = ssl.create_default_context()
    if ca_file is not None:
        made.load_verify_locations(cafile=ca_file)
    if shown is not None and (shown / "tls.crt").exists():
        made.load_cert_chain(shown / "tls.crt", shown / "tls.key")
    return made


def secrets(folder: str | None) -> dict[str, str]:
    """Return the files of a mounted Secret and what they hold, as it is now.

    Raises
    ------
    OSError
        The folder is missing.
    """
    if folder is None:
        return {}
    files = (path for path in Path(folder).iterdir() if not path.name.startswith("."))
    return {path.name: path.read_text().strip() for path in files if path.is_file()}
