"""``python -m clm_operator``: runs until SIGTERM.

``python -m clm_operator check-store`` proves that the store is usable, for ``helm test``.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path

from clm_api.errors import ClmError
from clm_api.logs import configure
from clm_operator.cluster.api import connect
from clm_operator.settings import Settings, load_settings
from clm_operator.store.bucket import check_store
from clm_operator.wiring import Operator

_LOG = logging.getLogger("clm_operator")
_LEVELS = 50_000
"""Open fields may nest deeply, and watches read them before anything can refuse them."""
CONFIG_VARIABLE = "CLM_CONFIG"
CONFIG_DEFAULT = "/etc/clm/config.yaml"
PORT_VARIABLE = "CLM_HTTP_PORT"


async def operate(settings: Settings, port: int) -> None:
    """Run the operator."""
    await Operator(settings, await connect()).run(port)


def main(arguments: list[str]) -> int:
    """Run the operator or its store check; return the exit code."""
    configure(json_lines=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    try:
        settings = load_settings(Path(os.environ.get(CONFIG_VARIABLE, CONFIG_DEFAULT)))
        if arguments == ["check-store"]:
            _LOG.info(check_store(settings.store))
            return 0
    except ClmError as error:
        _LOG.error(error.message, extra={"reason": error.reason})
        return error.exit_code
    sys.setrecursionlimit(_LEVELS)
    asyncio.run(operate(settings, int(os.environ.get(PORT_VARIABLE, "8080"))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
