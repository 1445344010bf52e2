"""GPUs as the driver sees them: a run that asked for one never falls back to the CPU."""

import ctypes

from clm_api.errors import ClmError
from clm_api.reasons import Reason


def visible_gpus() -> int:
    """Return the number of CUDA devices; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def choose_device(gpus_asked: int) -> str:
    """Return ``cuda`` or ``cpu``.

    Raises
    ------
    ClmError
        DeviceUnavailable: a GPU was asked for and none is visible.
    """
    if gpus_asked == 0:
        return "cpu"
    found = visible_gpus()
    if found < gpus_asked:
        raise ClmError(
            Reason.DEVICE_UNAVAILABLE,
            f"spec.job.gpu.count asks for {gpus_asked} GPU(s) and the container sees {found}: "
            "check the node's driver and device plugin, or set the count to 0",
        )
    return "cuda"
