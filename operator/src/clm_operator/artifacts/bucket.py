"""Former name of :mod:`clm_operator.store.bucket`, for scripts."""

from clm_operator.store.bucket import check_store

__all__ = ["check_store"]
