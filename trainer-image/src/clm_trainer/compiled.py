"""Machine code that an image brings: numba's cache, laid where a pod may write.

numba reads a cache only from a folder that it may write into, and a pod's image is read-only. Code
for another processor counts as absent, so images compile for any of their architecture
(``NUMBA_CPU_NAME=generic``): a node need not be of the kind on which the image was built.
"""

import logging
import os
import shutil
from pathlib import Path

_LOG = logging.getLogger(__name__)
BROUGHT = "CLM_COMPILED"
"""Folder of the image that holds the cache."""
_USED = "NUMBA_CACHE_DIR"


def lay_out() -> None:
    """Copy the image's cache, unless there is one already; without it numba compiles."""
    brought, used = os.environ.get(BROUGHT), os.environ.get(_USED)
    if not brought or not used or Path(used).exists():
        return
    try:
        shutil.copytree(brought, used)
    except OSError as error:
        _LOG.warning("compiled code of the image was not copied: %s", error)
