"""Signals for bots, as the operator writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from clm_api.signal import Signal, SignalFile, SymbolPosition

BAR = timedelta(minutes=1)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def signal_file(
    held: dict[str, float],
    *,
    bar: timedelta = BAR,
    valid: timedelta = timedelta(hours=1),
    at: datetime | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The file ``signals/quant/btc-eth.json``, as JSON, decided at the newest bar's close."""
    asked = at or now()
    decided = asked - (asked - datetime(2020, 1, 1, tzinfo=UTC)) % bar
    made = Signal(
        version="btc-eth-1",
        sha256="0" * 64,
        bar=decided - bar,
        decided_at=decided,
        valid_until=asked + valid,
        positions=[SymbolPosition(symbol=name, position=at) for name, at in held.items()],
    )
    file = SignalFile(
        **dict(made), schedule_uid="uid", namespace="quant", schedule="btc-eth", since=decided
    )
    return file.to_json_dict() | more


def halted(symbols: tuple[str, ...]) -> dict[str, Any]:
    """The file after a halt: no version, all positions 0."""
    made = signal_file(dict.fromkeys(symbols, 0.0))
    return {k: v for k, v in made.items() if k not in {"version", "sha256", "bar", "validUntil"}}
