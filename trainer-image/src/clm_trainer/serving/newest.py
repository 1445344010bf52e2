"""The bars on which a published model decides now, from the store that holds its run."""

import pandas as pd

from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_api.training_schedule import Refresh
from clm_trainer.panel import Panel
from clm_trainer.serving.model import ServedModel
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage

_BELOW_ROOT = 5  # runs/NAMESPACE/SCHEDULE/UID/manifest.json


def store_of(uri: str) -> Storage:
    """Open the whole store in which a run lies.

    Raises
    ------
    SpecError
        The address is not that of a run in a store.
    """
    parts = uri.rsplit("/", _BELOW_ROOT)
    if len(parts) <= _BELOW_ROOT or parts[1] != "runs":
        form = "STORE/runs/NAMESPACE/SCHEDULE/UID/manifest.json"
        raise SpecError("URI", f'"{uri}" is not {form}, so the store of its bars is not known')
    return Storage(parts[0])


def newest_bars(model: ServedModel, store: Storage, now: pd.Timestamp) -> Panel:
    """Return all closed bars since the first one that the model was trained on.

    The exchange is asked only if the run's ``refresh`` allows it.

    Raises
    ------
    ClmError
        As for ``fetch``.
    """
    data, step = model.spec.data, model.timeframe
    stop = now.floor(step)
    if data.refresh is Refresh.NEVER:
        stop = min(_newest(BarCache(store), key, stop) for key in _keys(model)) + step
    wanted = {"from_": model.data_from.to_pydatetime(), "to": stop.to_pydatetime()}
    return fetch(data.model_copy(update=wanted), store)[0]


def _keys(model: ServedModel) -> list[BarKey]:
    data = model.spec.data
    return [BarKey(data.exchange, data.market, name, data.timeframe) for name in data.symbols]


def _newest(cache: BarCache, key: BarKey, before: pd.Timestamp) -> pd.Timestamp:
    newest = cache.newest(key, before)
    if newest is None:
        text = f"no stored bars of {key} in {cache.store.url}: clm data import them"
        raise ClmError(Reason.DATA_UNAVAILABLE, text)
    return newest
