"""Memory that was freed, given back to the system: a run's peak is what its pod must ask for."""

import ctypes


def give_back() -> None:
    """Return what allocators keep of freed memory; where the C library can't, nothing happens.

    glibc keeps the small pieces that several threads freed, and Arrow what it decoded into.
    """
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
