"""A company's own authority, trusted beside those of the system where the object store is asked.

``AWS_CA_BUNDLE`` names its file, as for Amazon's own tools; operator, trainer and command line use
it alike.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clm_api.errors import SpecError
from clm_api.variables import restored

CA_BUNDLE = "AWS_CA_BUNDLE"
"""File of PEM certificates."""
_FILE, _FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"


def store_context() -> ssl.SSLContext:
    """Return what a client of the store trusts: the system's authorities and the bundle's.

    Raises
    ------
    SpecError
        The bundle is not there, or holds no certificate.
    """
    context = ssl.create_default_context()
    if bundle := os.environ.get(CA_BUNDLE):
        try:
            context.load_verify_locations(cafile=bundle)
        except OSError as error:  # ssl.SSLError is one
            text = f"{bundle} holds no certificate that can be read ({error.strerror or error})"
            raise SpecError(CA_BUNDLE, f"{text}: name a file in PEM") from error
    return context


@contextmanager
def bundle_trusted() -> Iterator[None]:
    """Let a library that reads SSL_CERT_FILE as it opens a client trust the bundle as well.

    Raises
    ------
    SpecError
        The bundle is not there, or holds no certificate.
    """
    if not (bundle := os.environ.get(CA_BUNDLE)):
        yield
        return
    store_context()
    folder = ssl.get_default_verify_paths().capath
    with _beside(os.environ.get(_FILE), bundle) as file:
        meant = {_FILE: file} | ({_FOLDER: folder} if folder else {})
        with restored(meant):
            os.environ.update(meant)
            yield


@contextmanager
def _beside(trusted: str | None, bundle: str) -> Iterator[str]:
    """Yield a file with the certificates of both; what can't be read adds none."""
    if trusted is None or trusted == bundle or not Path(trusted).is_file():
        yield bundle
        return
    with tempfile.NamedTemporaryFile(suffix=".pem") as both:
        for path in (trusted, bundle):
            both.write(Path(path).read_bytes() + b"\n")
        both.flush()
        yield both.name
