"""What libraries on torch change in the process, put back afterwards."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def own_torch_state() -> Iterator[None]:
    """Use one thread, and leave the process's generators as they were.

    Networks this small only wait for a second thread. The libraries seed, and draw from, the
    global generators of Python, numpy and torch.
    """
    threads_before = torch.get_num_threads()
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - it is the one that is seeded
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        torch.set_num_threads(threads_before)
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
