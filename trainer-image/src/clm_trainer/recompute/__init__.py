"""A run's numbers once more, from its files alone, by code that shares nothing with the kernel.

Written from the accounting contract, so that whoever doubts a number can have it worked out twice.
"""

from clm_trainer.recompute.compare import Difference, Group
from clm_trainer.recompute.verify import verify, verify_files

__all__ = ["Difference", "Group", "verify", "verify_files"]
