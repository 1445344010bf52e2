"""What a pod may do in the object store, and the session policy that says so.

A policy holds 2048 characters, which many symbols by name don't fit into. So access is offered in
forms from narrow to wide, and the first that fits is asked for:

    every series by name      bars/v1/binance/usdm/BTC-USDT_USDT/1h/*
    every symbol by name      bars/v1/binance/usdm/BTC-USDT_USDT/*
    every series of the kind  bars/v1/binance/usdm/*/1h/*

The operator's configuration may forbid the wider ones, and may give each namespace a folder of its
own for what its runs share.

No form holds another run, production or a right to list or delete; but the files that a comparison
with the run in production needs may be read.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any
from urllib.parse import urlsplit

from clm_api import layout
from clm_api.data_spec import Refresh
from clm_api.errors import ClmError
from clm_api.layout import FUNDING, OwnSeriesLayout, RunLayout, SeriesLayout, trades_of
from clm_api.market_columns import series_of_columns
from clm_api.reasons import Reason
from clm_api.run import RunSpec

MOST_CHARACTERS = 2048
"""Longest session policy that MinIO takes."""
_READ, _WRITE = "s3:GetObject", "s3:PutObject"
_COMPARED = ("metrics.json", "equity.parquet")
_NOTHING_ELSE = {"Effect": "Deny", "Action": ["admin:*"]}
"""MinIO before October 2025 lets a session make an account of its own that no policy limits,
unless its policy forbids that (CVE-2025-62506)."""


@dataclass(frozen=True)
class Access:
    """Patterns of paths below the store's URL; ``*`` stands for anything, slashes too.

    Parameters
    ----------
    reads
        What may be read.
    writes
        What may be read, created and replaced.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    def __or__(self, other: "Access") -> "Access":
        """Return the access to all that one of the two allows."""
        return Access(self.reads + other.reads, self.writes + other.writes)


@dataclass(frozen=True)
class Shared:
    """What the operator's configuration says of what runs share.

    Parameters
    ----------
    folder
        Where bars, leases and bans lie below the store's URL; empty for the URL itself.
    forms
        How many of the forms may be offered, the narrowest first.
    """

    folder: str = ""
    forms: int = 3

    def limited(self, forms: Iterable[Access]) -> tuple[Access, ...]:
        """Return the forms that may be offered, in the folder."""
        return tuple(
            Access(self._placed(form.reads), self._placed(form.writes))
            for form in islice(forms, self.forms)
        )

    def _placed(self, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(layout.inside(self.folder, pattern) for pattern in patterns)


def run_access(
    run: RunLayout,
    spec: RunSpec,
    champion: RunLayout | None = None,
    shared: Shared | None = None,
) -> tuple[Access, ...]:
    """Return what a training run needs, in forms from narrow to wide.

    Parameters
    ----------
    shared
        How wide the forms may be, and where what runs share lies.
    champion
        The run in production. Each form comes without its files too, for a policy that
        can't hold them: a run goes on without the comparison.
    """
    own = Access(writes=(run.pattern,))
    forms = tuple(own | data for data in data_access(spec, shared))
    if champion is None:
        return forms
    compared = Access(reads=(champion.manifest, *map(champion.pattern_of, _COMPARED)))
    return tuple(form for one in forms for form in (one | compared, one))


def shared_access(specs: Sequence[RunSpec], shared: Shared | None = None) -> tuple[Access, ...]:
    """Return what reading the data of several runs needs, in forms from narrow to wide."""
    together = zip(*(data_access(spec, shared) for spec in specs), strict=True)
    return tuple(_once(reduce(or_, forms)) for forms in together)


def _once(access: Access) -> Access:
    return Access(*(tuple(dict.fromkeys(p)) for p in (access.reads, access.writes)))


def data_access(spec: RunSpec, shared: Shared | None = None) -> tuple[Access, ...]:
    """Return what reading a run's data needs, in forms from narrow to wide.

    A run that may ask the exchange writes what it fetched, holds leases and notes bans; one with
    refresh Never only reads. Own series are only read.
    """
    data = spec.data
    columns = series_of_columns(data.columns, data.timeframe)
    paid = [FUNDING] if spec.charges_funding else []
    fetched = list(dict.fromkeys((data.timeframe, *paid, *columns)))
    own = tuple(OwnSeriesLayout(one.name).pattern for one in data.series)
    kinds = [*fetched, *([trades_of("*")] if data.own_trades else [])]
    series = [SeriesLayout(data.venue, data.market, s, data.timeframe) for s in data.symbols]
    market = series[0]
    forms = (
        tuple(one.pattern(kind) for one in series for kind in kinds),
        tuple(one.symbol_pattern for one in series),
        tuple(market.market_pattern(kind) for kind in kinds),
    )
    within = shared or Shared()
    if data.refresh is Refresh.NEVER:
        return within.limited(Access(reads=form + own) for form in forms)
    by_name = tuple(
        SeriesLayout(data.venue, data.market, symbol, kind).lease
        for symbol in data.symbols
        for kind in fetched
    )
    leases = (by_name, *[(market.lease_pattern,)] * 2)
    bans = (layout.bans(data.venue),)
    writes = (form + held + bans for form, held in zip(forms, leases, strict=True))
    return within.limited(Access(own, some) for some in writes)


def session_policy(store_url: str, forms: Sequence[Access]) -> str:
    """Return the policy of the first form that fits.

    Parameters
    ----------
    store_url
        ``s3://bucket/prefix``.

    Raises
    ------
    ClmError
        StorageDenied: even the last one is too long.
    """
    url = urlsplit(store_url)
    root = f"arn:aws:s3:::{url.netloc}{url.path.rstrip('/')}"
    policies = [_policy(root, form) for form in forms]
    for policy in policies:
        if len(policy) <= MOST_CHARACTERS:
            return policy
    raise ClmError(
        Reason.STORAGE_DENIED,
        f"the policy of a run's credentials has {len(policies[-1])} characters, and a store takes "
        f"{MOST_CHARACTERS}: train on fewer symbols, shorten objectStore.prefix, allow wider keys "
        "(objectStore.widestKeys), or set objectStore.credentials to Static",
    )


def _policy(root: str, access: Access) -> str:
    wanted = (((_READ, _WRITE), access.writes), ((_READ,), access.reads))
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": [f"{root}/{pattern}" for pattern in patterns],
        }
        for actions, patterns in wanted
        if patterns
    ]
    document = {"Version": "2012-10-17", "Statement": [*statements, _NOTHING_ELSE]}
    return json.dumps(document, separators=(",", ":"))
